"""Whole processes, as a person or a platform starts them."""
