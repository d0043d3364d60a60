"""A position in one shard's stream of events (cursor.py has their text)."""

from __future__ import annotations

from typing import NamedTuple

MAX_BITS = 56  # of a version
# A milestone is a version that is a multiple of this, about a second. Sessions are moved to them if nothing else
# happens in a shard, so a distance between milestones needs 20 bits less (lua/milestones.lua).
MILESTONE_BITS = 20
# A later version may be lower than the clock by this much: after a failover the clock is another server's, and clocks
# differ or are set back.
CLOCK_MARGIN_US = 10_000_000


class Position(NamedTuple):
    epoch: int
    version: int
