"""Providers against stand-ins that speak their protocols, without a server of ours."""
