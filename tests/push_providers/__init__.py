"""The push providers against stand-ins that speak their protocols, without a Parley server."""
