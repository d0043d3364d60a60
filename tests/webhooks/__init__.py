"""Webhooks, the feed and the hook before sending, against a host's server on loopback."""
