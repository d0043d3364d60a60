"""Counts acks and refusals of the conversations of each shard, as the crowd's records arrive."""

from __future__ import annotations

from collections import Counter
from typing import Any


class ByShard:
    """Give ``add`` to the crowd as its watcher. Counts begin with ``begin``; before it, only places are noted.

    A refusal names a message, and the ack of the message names its conversation at the latest. So judge refusals at the
    end.
    """

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._places: dict[str, int] = {}
        self._watching = False
        self._refused: list[tuple[str, str]] = []
        self.acks: Counter[int] = Counter()

    def add(self, record: dict[str, Any]) -> None:
        """Takes a record. Called in the crowd's thread."""
        if "id" in record and "conversationId" in record:
            self._places[record["id"]] = record["conversationId"]
        if not self._watching:
            return
        if record["what"] == "acked":
            self.acks[record["conversationId"]] += 1
        elif record["what"] == "refused" and record.get("ref"):
            self._refused.append((record["code"], record["ref"]))

    def begin(self) -> None:
        self.acks.clear()
        self._refused.clear()
        self._watching = True

    def end(self) -> None:
        self._watching = False

    def elsewhere(self, lost: int) -> list[int]:
        """Returns the conversations that are in other shards than this one."""
        return sorted({c for c in self._places.values() if self.shard_of(c) != lost})

    def acks_in(self, shard: int) -> int:
        return sum(count for conversation_id, count in self.acks.items() if self.shard_of(conversation_id) == shard)

    def used(self) -> set[int]:
        """Returns the shards that have conversations."""
        return {self.shard_of(conversation_id) for conversation_id in self._places.values()}

    def shard_of(self, conversation_id: int) -> int:
        return conversation_id % self._shards

    def refusals(self) -> list[tuple[int, str]]:
        """Returns (shard, code) of each refused act on a message. Joins and lists belong to no shard."""
        places = [(self._places.get(_message_in(ref)), code) for code, ref in self._refused]
        return [(self.shard_of(place), code) for place, code in places if place is not None]


def _message_in(ref: str) -> str:
    """Returns the id in the ref of a send ("<id>") or of another act ("<verb> <id> …")."""
    return ref.split()[1] if " " in ref else ref
