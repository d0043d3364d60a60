"""Plans what a long replay reads next: the versions of some thousands of the events that the user missed. Without a
plan, each page of a replay looks at all conversations that changed. With a plan, that happens once per ``LOOKAHEAD``
events, and a page reads only the rows of its keys.

Invariant: the plan has a key for every row with a version after ``reached`` and up to ``upto``. No row enters this
range later. The range ends before the first record that was in the tail when the plan began, so everything in it was
stored by then, and later records have greater versions. A row can only leave the range, by a change. It follows that

* a page that takes the rows which still have the versions of its keys finds what a look at all conversations would;
* a row that has changed meanwhile is left out. The page after the plan finds it beyond ``upto``, in the tail or the
  store.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from app.core.part import WHOLE, Part
from app.store.noted_changes import changed_conversations
from app.store.replay_keys import Key, What, keys_between

# Keys in memory, at 24 bytes each.
LOOKAHEAD = 12_000
_KINDS = 8  # more than the members of the enum What


class ReplayPlan:
    """The plan of one replay of one user, in one shard. It is empty until it is begun."""

    __slots__ = (
        "_changed",
        "_conversations",
        "_epoch",
        "_loaded",
        "_next",
        "_part",
        "_span",
        "_upto",
        "_versions",
        "_whats",
        "reached",
    )

    def __init__(self) -> None:
        self.reached = 0  # everything up to this version has been read
        self._upto = 0
        self._epoch = 0
        self._part = WHOLE
        self._changed: Sequence[int] | None = None
        self._put(())

    def begin(self, epoch: int, reached: int, upto: int, changed: Sequence[int], part: Part) -> None:
        """Begins to plan the versions after ``reached`` and up to ``upto``. ``changed`` has all conversations of the
        part that changed after ``reached``. Versions and the epoch are those of the part's shard.
        """
        self._epoch, self.reached, self._upto, self._part = epoch, reached, upto, part
        self._loaded, self._span, self._changed = reached, upto - reached, array("q", changed)
        self._put(())

    def is_over(self, epoch: int) -> bool:
        """Returns whether there is nothing more to read. Versions of another epoch mean nothing."""
        return epoch != self._epoch or self.reached >= self._upto

    def beyond(self, version: int, epoch: int) -> int:
        """Returns the version up to which a replay that was at ``version`` has read everything."""
        return max(version, self.reached) if epoch == self._epoch else version

    def keys(self, conn: Connection, user_id: int, limit: int) -> list[Key]:
        """Returns the next keys: about ``limit``, but all of the last version. Empty only at the end of the plan."""
        while self._next == len(self._versions) and self._loaded < self._upto:
            self._load(conn, user_id)
        if self._next == len(self._versions):
            self.reached = self._upto
            return []
        last = self._versions[min(self._next + limit, len(self._versions)) - 1]
        return [self._key(i) for i in range(self._next, bisect_right(self._versions, last))]

    def took(self, version: int) -> None:
        """Notes that everything up to this version has been read."""
        self.reached = version
        self._next = bisect_right(self._versions, version)

    def _load(self, conn: Connection, user_id: int) -> None:
        """Looks at all conversations that changed, for the next keys."""
        after, upto = self._loaded, min(self._upto, self._loaded + self._span)
        changed, self._changed = self._changed, None
        if changed is None:
            changed = changed_conversations(conn, user_id, after, self._part)
        found = keys_between(conn, user_id, changed, after, upto, LOOKAHEAD + 1, self._part)
        if len(found) > LOOKAHEAD:
            upto = found.pop().version - 1
            found = [key for key in found if key.version <= upto]
            if not found:  # more changes of one version than fit: pages without a plan read them
                self._upto = after
        self._loaded = upto
        self._span = _next_span(upto - after, len(found))
        self._put(found)

    def _put(self, found: Iterable[Key]) -> None:
        keys = _with_last_admission(found)
        self._next = 0
        self._versions: array[int] = array("q", (key.version for key in keys))
        self._conversations = array("q", (key.conversation_id for key in keys))
        self._whats = array("q", (key.user_id * _KINDS + key.what for key in keys))

    def _key(self, i: int) -> Key:
        user_id, what = divmod(self._whats[i], _KINDS)
        return Key(self._versions[i], self._conversations[i], what, user_id)


def _next_span(span: int, count: int) -> int:
    """Returns the range of the next look, after a look over ``span`` found this many keys. It aims at three quarters of
    ``LOOKAHEAD``, because keys that do not fit must be read again.
    """
    aim = max(8, LOOKAHEAD * 3 // 4)
    return max(1, min(8 * span, span * aim // max(count, 1)))


def _with_last_admission(found: Iterable[Key]) -> list[Key]:
    """Leaves out all admissions but the last, because clients load everything again after each. Leaves out repeated
    keys, because several rows of a conversation may have one version.
    """
    keys = list(dict.fromkeys(found))
    admissions = [key for key in keys if key.what == What.ADMITTED]
    return [key for key in keys if key.what != What.ADMITTED or key == admissions[-1]]
