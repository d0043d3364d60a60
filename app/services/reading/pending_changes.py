"""Messages in their present state: as Postgres has them, with accepted records applied that are not stored yet.

Invariants, so that it does not matter whether records are stored between the read of the tail and that of the rows, or
between the rows and their details:
* A change that all members see is applied only if the message's version in Postgres is older.
* A private change does not move that version. It sets a state, and the records of one user come in order, so it is
  always applied.
* A reaction changes a count. So it is applied only if it changes what its user has chosen. That is read in the same
  statement as the counts, for every user whose reaction is in the tail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from app.core.kinds import CHANGE_VIEW, MESSAGES, PRIVATE, Kind, is_message_for
from app.core.message_view import View
from app.core.records import ReactedBody, Record, decode_as
from app.services.reading.direct_cache import DirectCache
from app.services.reading.message_json import accepted_message, views_with
from app.services.reading.quotations import NOTHING_PENDING, add_quotations
from app.store.message_life import Details, details_for
from app.store.messages import StoredMessage

Place = tuple[int, int]  # conversation, seq


class Messages:
    """Holds messages by place, as one user sees them. ``sees_all``: also messages that only their senders see."""

    def __init__(self, user_id: int, *, sees_all: bool = False) -> None:
        self._user_id = user_id
        self._sees_all = sees_all
        self._shadows: set[Place] = set()
        self.views: dict[Place, View] = {}
        self.versions: dict[Place, int] = {}
        self.created: dict[Place, int] = {}
        self._stored: frozenset[Place] = frozenset()
        self.arrived: list[View] = []  # messages that are not in Postgres yet
        self._chosen: dict[Place, dict[str, set[int]]] = {}  # emoji -> users; only users with reactions in the tail

    def load(
        self, conn: Connection, rows: Sequence[StoredMessage], tail: Iterable[Record], *, directs: DirectCache
    ) -> None:
        """Adds stored messages. ``apply`` may get records of ``tail`` afterwards."""
        places, reactors = [row.place for row in rows], reactors_in(tail)
        details = details_for(conn, places, [self._user_id], reactors=reactors)
        for row, view in zip(rows, views_with(conn, rows, self._user_id, details, directs=directs), strict=True):
            self.put_row(row, view, details)

    def put(self, view: View, version: int, created_version: int) -> None:
        """Adds a message as Postgres has it."""
        place = view["conversationId"], view["seq"]
        self.views[place] = view
        self.versions[place] = version
        self.created[place] = created_version

    def put_row(self, row: StoredMessage, view: View, details: Details | None = None) -> None:
        """Adds a stored message, and notes whether only its sender sees it. ``details`` has the reactions of the view;
        None if the view shows no reactions.
        """
        self.put(view, row.version, row.created_version)
        if details is not None:
            self.put_reactions(row.place, details.reactions_of_named(row.place))
        if row.shadow:
            self._shadows.add(row.place)

    def put_reactions(self, place: Place, chosen: dict[str, set[int]]) -> None:
        """Notes emoji -> who chose it, as it was read with the counts."""
        self._chosen[place] = chosen

    def between(self, before: int | None, after: int | None) -> list[View]:
        """Returns messages of one conversation by seq. ``before`` and ``after`` are exclusive bounds, or None."""
        return [
            self.views[place]
            for place in sorted(self.views)
            if (before is None or place[1] < before) and (after is None or place[1] > after)
        ]

    def only_viewer(self, place: Place) -> int | None:
        """Returns the sender if nobody else sees the message, because the sender had a shadow suspension."""
        return self.views[place]["senderId"] if place in self._shadows else None

    def mark_stored(self) -> None:
        """Notes that every message added so far is in Postgres."""
        self._stored = frozenset(self.views)

    def is_stored(self, place: Place) -> bool:
        return place in self._stored

    def apply(self, tail: Iterable[Record]) -> None:
        """Applies records that are not stored yet, oldest first."""
        for record in tail:
            place = record.place
            if is_message_for(record, self._user_id) or (self._sees_all and record.kind in MESSAGES):
                if place not in self.views:
                    self._arrive(place, record)
            elif record.kind in PRIVATE:
                if record.user_id == self._user_id:
                    self._apply_private(place, record)
            elif record.kind in CHANGE_VIEW and record.version > self.versions.get(place, record.version):
                self.versions[place] = record.version
                self._change(place, record)

    def _arrive(self, place: Place, record: Record) -> None:
        self.put({**accepted_message(record), "reactions": []}, record.version, record.version)
        if record.kind == Kind.SHADOW_MESSAGE:
            self._shadows.add(place)
        self.arrived.append(self.views[place])

    def add_quotations(self, conn: Connection, pending: Mapping[tuple[int, int], int] = NOTHING_PENDING) -> None:
        """Adds the quotations of messages that are not in Postgres yet. ``pending`` is as in ``quotations``."""
        add_quotations(conn, ((self._user_id, view) for view in self.arrived), pending=pending)

    def _apply_private(self, place: Place, record: Record) -> None:
        if record.kind == Kind.HIDDEN:
            self.views.pop(place, None)
        elif record.kind in CHANGE_VIEW:
            self._change(place, record)

    def _change(self, place: Place, record: Record) -> None:
        view = self.views.get(place)
        if view is None or "deletedAt" in view or (record.kind == Kind.REACTED and not self._chooses(place, record)):
            return
        CHANGE_VIEW[record.kind](view, record, record.user_id == self._user_id)

    def _chooses(self, place: Place, record: Record) -> bool:
        """Notes what the user of a reaction has chosen. Returns whether that differs from their choice so far."""
        body = decode_as(ReactedBody, record.body)
        users = self._chosen.setdefault(place, {}).setdefault(body.emoji, set())
        if (record.user_id in users) == body.on:
            return False
        users.symmetric_difference_update((record.user_id,))
        return True


def reactors_in(tail: Iterable[Record]) -> set[int]:
    """Returns the users whose reactions are in the tail."""
    return {record.user_id for record in tail if record.kind == Kind.REACTED}
