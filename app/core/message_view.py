"""The view of a message: its JSON as a client sees it, as a dict.

A view maps to a body by the names of ``MessageBody``. A record that is accepted but not stored yet changes a view in
place by one of the functions below (app/core/kinds.py has the function of each kind).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from app.core.records import MessageBody, ReactedBody, Record, SwitchBody, decode_as, decode_body
from app.core.times import rfc3339

View = dict[str, Any]
# Changes the view in place; the flag says whether the viewer made the change.
ChangeView = Callable[[View, Record, bool], None]

_BODY_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(MessageBody))
_KEPT_OF_A_DELETED_MESSAGE = frozenset({"id", "conversationId", "seq", "senderId", "receiverId", "kind", "sentAt"})
# These fields exist only while a message is a stream.
GROWING = ("streaming", "length")
# An edit sets the mentions; ``editedAt`` is in its event already.
_DECIDED_BY_AN_EDIT = frozenset({"mentions", "mentionsAll", "mentionsOnline", "editedAt"})


def body_of(view: View) -> MessageBody:
    """Returns the body of a message that is not deleted, with every field that the view has."""
    return _body(view, _BODY_FIELDS)


def body_for_edit(view: View, text: str) -> MessageBody:
    """Returns the body of an edit: everything except the text and the mentions stays, including the metadata."""
    body = _body(view, _BODY_FIELDS - _DECIDED_BY_AN_EDIT)
    body.message = text
    return body


def _body(view: View, names: frozenset[str]) -> MessageBody:
    return msgspec.convert({name: view[name] for name in names & view.keys()}, MessageBody)


def edit(view: View, record: Record, _mine: bool) -> None:
    view["editedAt"] = rfc3339(record.sent_ms)
    _set_text(view, decode_body(record.body))


def end_stream(view: View, record: Record, _mine: bool) -> None:
    _set_text(view, decode_body(record.body))
    for name in GROWING:
        view.pop(name, None)


def _set_text(view: View, body: MessageBody) -> None:
    view["message"] = body.message
    found = {"mentions": body.mentions, "mentionsAll": body.mentions_all, "mentionsOnline": body.mentions_online}
    for name, value in found.items():
        view.pop(name, None)
        if value:
            view[name] = value
    if body.metadata:
        view["metadata"] = body.metadata
    elif body.metadata is not msgspec.UNSET:
        view.pop("metadata", None)


def delete(view: View, record: Record, _mine: bool) -> None:
    for name in view.keys() - _KEPT_OF_A_DELETED_MESSAGE:
        del view[name]
    view["reactions"] = []
    view["deletedAt"] = rfc3339(record.sent_ms)


def react(view: View, record: Record, mine: bool) -> None:
    body = decode_as(ReactedBody, record.body)
    reactions = view["reactions"]
    found = next((r for r in reactions if r["emoji"] == body.emoji), None)
    if mine and (found is not None and found["mine"]) == body.on:
        return  # the viewer's reaction is in this state already
    if found is None:
        found = {"emoji": body.emoji, "count": 0, "mine": False}
        reactions.append(found)
    found["count"] += 1 if body.on else -1
    found["mine"] = body.on if mine else found["mine"]
    if found["count"] <= 0:
        reactions.remove(found)


def switch(name: str, value: Callable[[Record], Any]) -> ChangeView:
    """Returns a change that sets the field ``name`` to ``value(record)`` if it is on, and removes it if it is off."""

    def change(view: View, record: Record, _mine: bool) -> None:
        view.pop(name, None)
        if decode_as(SwitchBody, record.body).on:
            view[name] = value(record)

    return change


def resolve_media(view: View, record: Record, _mine: bool) -> None:
    view["attachments"] = decode_body(record.body).attachments
