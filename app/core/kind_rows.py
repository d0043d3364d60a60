"""The rows of the tables in kinds.py, command_kinds.py and event_kinds.py."""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal, NamedTuple

from msgspec import Struct

from app.core.commands import Command
from app.core.host_events import MakeFed
from app.core.message_view import ChangeView
from app.core.record_events import MakeEvent


class CommandKind(NamedTuple):
    """``answer``: the event that answers; None if only a refusal is answered. ``ack``: the data of an ``ack``.
    ``rest``: its REST twins, as ``METHOD path``; empty for commands about the session itself. ``switch``, ``record``:
    for a command that turns something of a message on or off, the last part of its path and the kind of its record.
    """

    data: type[Command]
    summary: str
    answer: str | None
    ack: type[Struct] | None = None
    rest: tuple[str, ...] = ()
    switch: str = ""
    record: int = 0


class EventKind(NamedTuple):
    """``replayed``: which of the missed events a resuming session gets."""

    data: type[Struct]
    replayed: Literal["every one", "latest state", "no"]
    summary: str


class Audience(Enum):
    """Whose sessions get a record."""

    MEMBERS = auto()  # all members who may see the message, or the medium
    OTHERS = auto()  # all members but its user
    USER = auto()  # only its user
    WATCHERS = auto()  # sessions that watch its user's presence
    ACQUAINTANCES = auto()  # all who share a conversation with its user, and sessions that watch them
    GATEWAY = auto()  # no session: a notice for the gateway itself


class Storage(Enum):
    """The part of the drain's batch that stores a record."""

    MESSAGES = auto()  # a row of messages (store/batch_writes.py); the record takes a seq
    MARKS = auto()  # how far a member's marks have come (store/batch_writes.py)
    CHANGES = auto()  # one function per kind (store/batch_changes.py)
    NONE = auto()  # never logged


class Replay(Enum):
    """The events that a resuming session gets for a missed record."""

    MESSAGE = auto()  # the message in its present state
    CHANGED_MESSAGE = auto()  # the message in its present state, once, at the place of its last change
    EVENT = auto()  # the event itself
    LATEST_MARK = auto()  # the present marks of each member
    NONE = auto()


class RecordKind(NamedTuple):
    """``body``: the type that the drain decodes, or None. ``make_event``: None if the hub needs more than the record to
    make the event. ``change_view``: changes the view of a message while the record is not stored. ``feed``: makes the
    events for servers of hosts.
    """

    events: tuple[str, ...]
    body: type | None
    audience: Audience
    storage: Storage
    replay: Replay
    make_event: MakeEvent | None = None
    change_view: ChangeView | None = None
    feed: MakeFed | None = None
