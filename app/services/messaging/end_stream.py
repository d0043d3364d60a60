"""Ends a stream: it takes no further text, and the message gets its final text through the log.

First the stream is closed, which is atomic (message_log/lua/stream.lua). Then its text no longer changes and can be
read. If the process dies between the two steps, the sweep ends the stream (services/messaging/sweep_streams.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import UNSET
from sqlalchemy import Engine

from app.core.commands import EndStream, StopStream
from app.core.errors import Forbidden, NotFound, Stopped
from app.core.kinds import Kind
from app.core.message_view import GROWING, View, body_of
from app.core.records import HOST, MessageBody, encode_body
from app.message_log.append import NO_EPOCH, Decided, Decision, Operation
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.messaging.judge_stream import JudgedEnd, StreamJudge
from app.services.messaging.prepared import Prepared
from app.services.messaging.refusals import refusal
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_json import stored_message
from app.services.reading.open_streams import show_open_streams
from app.services.reading.pending_changes import Messages, Place
from app.services.reading.quotations import find_quotation, quote_in
from app.store import streams
from app.store.direct_pairs import pairs_of
from app.store.engine import reading
from app.store.replay import message_at

NOT_THE_WRITER = "Only the writer of a stream may do this."
HAS_ENDED = -1  # change.lua: nothing to change
# Runs one operation of stream.lua. May block. Raises Overloaded.
CloseStream = Callable[[Operation], Decision]
# Sets whom the text mentions: (conversation, author, body). May block.
AddMentions = Callable[[int, int, MessageBody], None]


class Current(NamedTuple):
    """``epoch``: the epoch in which the message was read; 0 if Redis had none. ``only``: the only user who sees the
    message, or None.
    """

    view: View
    epoch: int
    only: int | None = None

    @property
    def grows(self) -> bool:
        return "streaming" in self.view

    def as_ended(self) -> Current:
        return self._replace(view={name: value for name, value in self.view.items() if name not in GROWING})


class StreamEnder:
    """May block. Its methods raise Overloaded if a store does not answer."""

    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        messages: MessageFinder,
        close: CloseStream,
        add_mentions: AddMentions,
        is_shadowed: Callable[[int], bool] = lambda _: False,
        judge: StreamJudge,
        carry_out: Callable[[Prepared], Any],
    ) -> None:
        self._judge = judge
        self._carry_out = carry_out
        self._is_shadowed = is_shadowed
        self._engine = engine
        self._shards = shards
        self._messages = messages
        self._close = close
        self._add_mentions = add_mentions

    def end(self, user_id: int, command: EndStream) -> Prepared:
        """For the writer or, with ``user_id`` HOST, the host's server. Ending an ended stream again with the same text
        is not an error. Raises NotFound, Forbidden for other members, Stopped if the stream has ended with another
        text. Raises Rejected if the hook before sending refuses the text; then the message is deleted.
        """
        id_ = command.id.lower()
        what, seq, _, conversation_id = self._close(_closing(user_id, id_, by_others=False))
        if what == Decided.NOT_FOUND:
            # It ended long ago, or Redis lost it.
            place = place_for_writer(user_id, id_, engine=self._engine, messages=self._messages)
            return self._prepare(place, command.message)
        if what == Decided.FORBIDDEN:
            self._messages.find_present(user_id, id_)  # raises NotFound if the user does not see it
            raise Forbidden(NOT_THE_WRITER)
        if what not in (Decided.DONE, Decided.UNCHANGED, Decided.STOPPED):
            raise refusal(what)
        return self._prepare((conversation_id, seq), command.message, others_end=what == Decided.STOPPED)

    def stop(self, user_id: int, command: StopStream) -> Prepared:
        """For every member who sees the message. Raises NotFound. If the hook refuses the text, this deletes it."""
        view = self._messages.find_present(user_id, command.id, command.conversation_id)
        others_end = False
        if "streaming" in view:
            what, *_ = self._close(_closing(HOST, view["id"], by_others=True))
            others_end = what == Decided.UNCHANGED  # its writer ends it, perhaps with another text
        return self._prepare((view["conversationId"], view["seq"]), None, others_end=others_end, is_writer=False)

    def _prepare(self, place: Place, text: str | None, *, others_end: bool = False, is_writer: bool = True) -> Prepared:
        """``others_end``: somebody else has closed the stream and is ending it."""
        current = read_current(place, engine=self._engine, shards=self._shards)
        if current is None or "deletedAt" in current.view:
            raise NotFound
        if others_end:
            current = current.as_ended()
        if current.only is None and self._is_shadowed(current.view["senderId"] or HOST):
            text = None  # others would see it
        if text is not None and not current.grows and current.view["message"] != text:
            raise Stopped
        answer = {name: current.view[name] for name in ("id", "conversationId", "seq")} | {"status": "stored"}
        judged = self._judge.judge(current.view, text) if current.grows else JudgedEnd(text)
        if judged.refused is None:
            return Prepared(ending(current, judged, engine=self._engine, add_mentions=self._add_mentions), answer)
        removal = Prepared(removing(current), answer)
        if not is_writer:
            return removal
        self._carry_out(removal)
        raise judged.refused


def _closing(user_id: int, id_: str, *, by_others: bool) -> Operation:
    return Operation(Kind.APPENDED, 0, user_id, ["close", id_, int(by_others)])


def place_for_writer(user_id: int, id_: str, *, engine: Engine, messages: MessageFinder) -> Place:
    """Returns the place of a message, for its writer or, with ``user_id`` HOST, for the host's server. May block.
    Raises NotFound, and Forbidden for other members.
    """
    if user_id == HOST:
        return place_of(id_, engine=engine)
    view = messages.find_present(user_id, id_)
    if view["senderId"] != user_id:
        raise Forbidden(NOT_THE_WRITER)
    return view["conversationId"], view["seq"]


def place_of(id_: str, *, engine: Engine) -> Place:
    """Raises NotFound if there is no such message, or several conversations have one of this id."""
    with reading(engine) as connection:
        places = streams.places_of(connection, id_)
    if len(places) != 1:
        raise NotFound
    return places[0]


def read_current(place: Place, *, engine: Engine, shards: Shards) -> Current | None:
    """Returns the message with its present text, or None. Messages that only one user sees are returned as well."""
    with redis_errors_as_overloaded():
        tail = read_tail(shards.of(place[0]), [place[0]])
    found = Messages(0, sees_all=True)
    with reading(engine) as connection:
        row = message_at(connection, *place)
        if row is not None:
            receiver = next((pair.other_than(row.sender_id) for pair in pairs_of(connection, [place[0]])), None)
            found.put_row(row, {**stored_message(row, receiver), "reactions": []})
    found.apply(record for record in tail.records if record.seq == place[1])
    view = found.views.get(place)
    if view is None:
        return None
    show_open_streams(shards, [view])
    return Current(view, tail.epoch, found.only_viewer(place))


def removing(current: Current) -> Operation:
    """Returns the operation that deletes a message whose text the hook has refused, in the name of its author."""
    view = current.view
    author = view["senderId"] or HOST
    user = author if "receiverId" in view else HOST  # the author may have left the group
    what = [view["seq"], current.epoch or NO_EPOCH, user, False, False, current.only or False]
    return Operation(Kind.DELETED, view["conversationId"], user, what, "", id=view["id"])


def ending(current: Current, judged: JudgedEnd, *, engine: Engine, add_mentions: AddMentions) -> Operation:
    """Returns the operation that ends the stream with this text, or with the one that it has. If it has ended already,
    that changes nothing.
    """
    view = current.view
    author = view["senderId"] or HOST
    place: list[Any] = [view["seq"], current.epoch or NO_EPOCH]
    if not current.grows:
        return Operation(Kind.STREAM_ENDED, view["conversationId"], author, [*place, HAS_ENDED], "", id=view["id"])
    body = body_of({name: value for name, value in view.items() if name not in (*GROWING, "quoted")})
    if judged.text is not None:
        body.message = judged.text
    if judged.metadata is not UNSET:
        body.metadata = judged.metadata or {}
    add_mentions(view["conversationId"], author, body)
    quoted: Any = None
    if "replyTo" in view:
        with reading(engine) as connection:
            quotation = find_quotation(connection, view["conversationId"], view["replyTo"])
        quoted = next(iter(quote_in(body, quotation)), None)
    what = [*place, 1, quoted or False, secrets.token_hex(8), current.only or False]
    return Operation(Kind.STREAM_ENDED, view["conversationId"], author, what, encode_body(body), id=view["id"])
