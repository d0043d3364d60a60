"""Two shards over one Postgres, for tests of drains that work side by side."""

from __future__ import annotations

from app.core.part import Part
from tests.factories.store import add_pair
from tests.integration.drain.log_and_store import LogAndStore

PARTS = Part(0, 2), Part(1, 2)


def pair_of(log: LogAndStore) -> tuple[int, int, int]:
    """Returns a conversation of this shard, hydrated, and its two members."""
    while True:
        conversation, ann, ben = add_pair(log.engine)
        if log.part.has(conversation):
            log.hydrate(conversation)
            return conversation, ann, ben
