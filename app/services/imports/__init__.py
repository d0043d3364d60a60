"""Imports of users, conversations and messages by the host's server."""
