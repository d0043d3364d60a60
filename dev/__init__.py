"""Tools for `make run` and the tests. `app` imports nothing from here."""
