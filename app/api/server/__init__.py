"""/api/v1/server: the API for the servers of hosts (docs/server-api.md)."""
