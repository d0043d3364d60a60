"""Push notifications, end to end: a running server, and stand-ins for the push services."""
