"""Keeps Python's garbage collector from visiting pytest and all tests again and again.

A test process holds 700,000 objects after the collection of the tests. They stay until its end.
"""

from __future__ import annotations

import gc

# Objects between two collections of the youngest generation; Python's 700 costs the unit tests a tenth of their time.
YOUNGEST = 10_000


def pause() -> None:
    """Call it before the tests are imported, which makes no garbage."""
    gc.disable()


def resume() -> None:
    """From now on, the collector visits only new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, *gc.get_threshold()[1:])
    gc.enable()
