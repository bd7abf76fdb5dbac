"""The books in formats that other engines read and judge."""
