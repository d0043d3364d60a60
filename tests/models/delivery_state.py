"""The state of the model of the message path (delivery_model.py)."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["message", "edit", "remove"]


class Mechanisms(NamedTuple):
    """Each was missing once. ``one_transaction``: messages and changes of a batch commit together."""

    one_transaction: bool = True
    report_unknown_user: bool = True  # registering says if the user was unknown, so that older sessions catch up
    keep_created_rows: bool = True  # resume keeps a row created within the horizon though it changed after it
    notice_older_redis: bool = True  # greatest version seen is compared after each connect; behind → new epoch


class Record(NamedTuple):
    version: int
    kind: Kind
    seq: int
    text: int


class Row(NamedTuple):
    seq: int
    text: int
    created: int
    version: int


class Redis(NamedTuple):
    epoch: int = 1
    version: int = 0
    seq: int = 0
    log: tuple[Record, ...] = ()
    member: bool = True
    registered: bool = True  # the reader, at its gateway


class Store(NamedTuple):
    epoch: int = 1
    rows: tuple[Row, ...] = ()
    left_seq: int = 0  # 0: the reader is a member


class Drain(NamedTuple):
    """A batch between its steps; ``step`` 0 is idle."""

    step: int = 0
    epoch: int = 0
    batch: tuple[Record, ...] = ()


class Session(NamedTuple):
    """``step``: gone, then tail, store and replay of a resume, then live. ``since`` is where a resume starts."""

    step: Literal["gone", "tail", "store", "replay", "live"] = "live"
    epoch: int = 1
    position: int = 0
    since: int = 0
    horizon: int = 0
    fresh: bool = False  # the resume replaces the screen (resync)
    tail: tuple[Record, ...] = ()
    rows: tuple[Row, ...] = ()
    held: tuple[Record, ...] = ()
    screen: tuple[tuple[int, int], ...] = ()  # (seq, text)
    left_seq: int = 0  # as the resume read it from the store


class World(NamedTuple):
    redis: Redis = Redis()
    store: Store = Store()
    drain: Drain = Drain()
    bus: tuple[tuple[int, Record], ...] = ()
    session: Session = Session()
    snapshot: Redis | None = None
    greatest: int = 0  # the greatest version that the gateway or the drain has seen
    acts: tuple[str, ...] = ()  # the acts that senders, reader and failure may still do
