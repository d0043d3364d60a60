"""Connects the generator to each system. All sessions report to the same interface: `Listener` in bench/ledger.py."""
