"""The members of large conversations who have a session at this gateway.

Redis publishes a record for all members of a large conversation without their ids (message_log/lua/large.lua). It names
a build: the number that the counts of its members got when they were made. This gateway has a roster of each build.

Only notices on the gateway's channel change rosters. Redis publishes a notice in the same step in which it makes the
change. So between two publications, a roster is exactly what Redis had between them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from app.core.kinds import Kind

# The users of a bus item: a list, or a build, or {build: [users of it who do not get the record]}.
Users = Any


class Rosters:
    """``complete`` is False after notices may have been lost, until the next snapshot of all rosters."""

    def __init__(self) -> None:
        self.complete = True
        self._epoch = 0
        self._members: dict[int, set[int]] = {}  # build -> users
        self._builds: dict[int, int] = {}  # conversation -> build
        self._conversations: dict[int, set[int]] = {}  # user -> conversations

    def __len__(self) -> int:
        return len(self._builds)

    def among(self, users: Users) -> Collection[int] | None:
        """Returns the users here who get a record for all members of a build. Returns None if that is not known."""
        if not self.complete:
            return None
        if isinstance(users, int):
            return self._members.get(users, ())
        ((build, hidden),) = users.items()
        return self._members.get(build, set()).difference(hidden)

    def lose(self) -> None:
        """The subscription was broken."""
        self._clear()
        self.complete = False

    def take(self, epoch: int, users: Any, record: list[Any]) -> None:
        """Takes a notice of Redis. The rosters of an earlier epoch end with the first notice of the next one."""
        if epoch > self._epoch:
            self._clear()
            self._epoch = epoch
        elif epoch < self._epoch:
            return
        kind, *what = record
        if kind == Kind.ROSTER:
            self._add(users, *what)
        elif kind == Kind.ROSTER_LEFT:
            self._remove(users, what[0])
        elif kind == Kind.ROSTERS_OF:
            self._place(users[0], what[0])
        elif what[0]:
            self.complete = True
        else:
            self._clear()

    def _clear(self) -> None:
        self._members.clear()
        self._builds.clear()
        self._conversations.clear()

    def _add(self, users: Iterable[int], conversation: int, build: int, is_all: int) -> None:
        if is_all or self._builds.get(conversation) != build:
            self._forget(conversation)
            self._builds[conversation] = build
            self._members[build] = set()
        self._members[build].update(users)
        for user in users:
            self._conversations.setdefault(user, set()).add(conversation)

    def _forget(self, conversation: int) -> None:
        if conversation in self._builds:
            self._remove(list(self._members[self._builds[conversation]]), conversation)

    def _remove(self, users: Iterable[int], conversation: int) -> None:
        build = self._builds.get(conversation)
        if build is None:
            return
        for user in users:
            self._members[build].discard(user)
            mine = self._conversations.get(user, set())
            mine.discard(conversation)
            if not mine:
                self._conversations.pop(user, None)
        if not self._members[build]:
            del self._members[build], self._builds[conversation]

    def _place(self, user: int, places: list[int]) -> None:
        """Gives the user exactly these places: conversation, build, ..."""
        for conversation in list(self._conversations.get(user, ())):
            self._remove([user], conversation)
        for conversation, build in zip(places[::2], places[1::2], strict=True):
            self._add([user], conversation, build, 0)
