"""The use cases: what the service does, over ports that say what it needs from the world."""
