"""How the service is started and spoken to. Only `bootstrap.py` constructs adapters."""
