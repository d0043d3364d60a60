"""The time limit of waits in tests."""

from __future__ import annotations

# Seconds. Only a hang takes this long, even on a machine that is busy with other work.
PATIENCE = 60.0
