"""How the generator speaks to each system. All sessions share one face: see bench/ledger.py, `Listener`."""
