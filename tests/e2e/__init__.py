"""Whole processes, started as a developer or a platform starts them."""
