"""Faults: processes are killed and connections cut under load. Afterwards the invariants of `history` must hold."""
