"""The service over HTTP: the API under /api/v1, its documentation, health and metrics."""
