"""Walks the search index from new to old and collects the messages that a query finds.

Invariants
* Messages that are not indexed yet come first; their texts are read. Then come the buckets, the newest first. A message
  that was changed since it was indexed is at its place in its bucket, with the text that it has now.
* Each result has a position. A later page begins there, so no message is returned twice and none is left out.
* Between two look-ups, which are short, the walk stops if its time is over. It always makes the first look-up and
  reads the messages that are not indexed, so a search among few messages is complete even on a busy machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from app.core.search import SearchFilter
from app.core.search_lexemes import kinds_in
from app.core.search_query import Query, SearchedText
from app.store import search as store
from app.store import search_index
from app.store.media_files import Files, FilesOf, files_of
from app.store.messages import StoredMessage
from app.store.search import BEFORE_ALL, UNINDEXED, Candidate, Position

# The first look-up reads this many buckets, because a frequent word is found in them. The next ones read more, as
# far as the time allows.
FIRST_BUCKETS, MAX_BUCKETS = 2, 128
# Matches of a bucket that are read at once.
MIN_TAKE, MAX_TAKE = 30, 1000


class Hit(NamedTuple):
    position: Position
    message: StoredMessage
    files: Files


class Step(NamedTuple):
    """Messages that may match, from new to old, and the position that the walk has reached with them. ``always``: they
    are looked at even if the time is over.
    """

    candidates: list[Candidate]
    reached: Position
    always: bool = False


class SearchWalk:
    """One search in one connection. ``seconds_left`` returns how much of its time is left."""

    def __init__(
        self,
        connection: Connection,
        user_id: int,
        query: Query,
        tsquery: str,
        which: SearchFilter,
        seconds_left: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._user_id = user_id
        self._query = query
        self._tsquery = tsquery
        self._which = which
        self._seconds_left = seconds_left
        self._indexed_version = search_index.read_progress(connection).indexed_version
        self._changed = store.find_changed(connection, user_id, self._indexed_version, which.conversation_id)
        self._seen = {one.message.place for one in self._changed}

    def collect(self, before: Position, limit: int) -> tuple[list[Hit], Position | None]:
        """Returns at most ``limit`` messages older than ``before``, and the position from which to go on, if there may
        be more.
        """
        found: list[Hit] = []
        for step in self._steps(before, max(MIN_TAKE, limit + 1)):
            files = files_of(self._connection, (one.message.attachments for one in step.candidates))
            for one in step.candidates:
                hit = self._hit(one, files)
                if hit is not None and len(found) == limit:
                    return found, found[-1].position
                if hit is not None:
                    found.append(hit)
                if not step.always and self._seconds_left() <= 0:
                    return found, one.position
            if not step.always and self._seconds_left() <= 0:
                return found, step.reached
        return found, None

    def _steps(self, before: Position, take: int) -> Iterator[Step]:
        unindexed = [one for one in self._changed if one.position.bucket == UNINDEXED and one.position < before]
        if unindexed:
            yield Step(unindexed, unindexed[-1].position, always=True)
        later = [one for one in self._changed if one.position.bucket != UNINDEXED and one.position < before]
        for n, (candidates, reached, _) in enumerate(self._bucket_steps(before, take)):
            merged = [one for one in candidates if one.message.place not in self._seen]
            merged += (one for one in later if one.position >= reached)
            later = [one for one in later if one.position < reached]
            ordered = sorted(merged, key=lambda one: one.position, reverse=True)
            yield Step(ordered, reached, always=n == 0)
        if later:
            yield Step(later, later[-1].position)

    def _bucket_steps(self, before: Position, take: int) -> Iterator[Step]:
        # Messages that were not indexed for an earlier page may be in any bucket now.
        everywhere = before if before.bucket == UNINDEXED else BEFORE_ALL
        buckets = [bucket for bucket in self._buckets() if bucket <= before.bucket]
        count, read = FIRST_BUCKETS, take
        while buckets:
            group, began = buckets[:count], self._seconds_left()
            bounds = [before if bucket == before.bucket else everywhere for bucket in group]
            found = store.find_in_buckets(
                self._connection, self._user_id, self._tsquery, group, bounds=bounds, take=read
            )
            full = _first_full(found, read)
            if full is None:
                buckets, read = buckets[count:], take
                before = Position(group[-1], 0, 0, 0)
            else:  # there may be more matches in this bucket, and they come before those of the next one
                found = [one for one in found if one.position.bucket >= full]
                buckets, read = buckets[buckets.index(full) :], min(read * 2, MAX_TAKE)
                before = found[-1].position
            yield Step(found, before)
            count = _next_count(len(group), began - self._seconds_left(), self._seconds_left())

    def _buckets(self) -> Iterator[int]:
        """Yields the buckets that may have messages of the time in question."""
        for bucket in search_index.read_buckets(self._connection):
            if self._which.overlaps(bucket.first_ms, bucket.last_ms):
                yield bucket.bucket

    def _hit(self, one: Candidate, files: FilesOf) -> Hit | None:
        """Returns the message if it matches. If it did not change since it was indexed, the index has compared its
        terms already.
        """
        message, has_terms = one.message, one.message.place not in self._seen
        if not one.visible or not self._which.is_in_time(message.sent_ms):
            return None
        has_terms = has_terms and message.version <= self._indexed_version
        found = files.of(message.attachments)
        if not has_terms and not self._passes(message, found):
            return None
        text = SearchedText(message.body or "", found.names)
        return Hit(one.position, message, found) if self._query.matches(text, has_terms=has_terms) else None

    def _passes(self, message: StoredMessage, files: Files) -> bool:
        """Compares with the filters that the index has as lexemes."""
        which = self._which
        return (
            which.conversation_id in (None, message.conversation_id)
            and which.sender_id in (None, message.sender_id)
            and set(which.has) <= kinds_in(message.body or "", files.kinds)
        )


def _first_full(found: list[Candidate], take: int) -> int | None:
    """Returns the first bucket of which not all matches were read."""
    counts: dict[int, int] = {}
    for one in found:
        counts[one.position.bucket] = counts.get(one.position.bucket, 0) + 1
    return next((bucket for bucket, count in counts.items() if count >= take), None)


def _next_count(count: int, seconds: float, left: float) -> int:
    """Returns how many buckets to read next: twice as many, but not more than half of the time that is left allows."""
    affordable = int(count * left / max(seconds, 1e-6) / 2)
    return max(1, min(count * 2, affordable, MAX_BUCKETS))
