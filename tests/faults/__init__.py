"""Faults: processes are killed and wires cut under load; after each the invariants of `history` must hold."""
