"""Edit, delete, react, pin: what may be refused is refused here, with the message as it now is; the role is checked by
the script that carries it out (message_log/lua/change.lua). Each gives the operation and the ack it will have.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from app.core.commands import DeleteMessage, EditMessage, React, SwitchMessage, check_length
from app.core.errors import Forbidden, Invalid
from app.core.message_view import View, body_for_edit
from app.core.records import Kind, ReactedBody, SwitchBody, encode_body
from app.message_log.append import Operation
from app.services.messaging.mentions import find_mentions
from app.services.messaging.message_path import MessagePath, now_ms
from app.services.reading.find_message import find_message, find_present

DIFFERENT_EMOJI = 50


class Prepared(NamedTuple):
    """``answer`` is complete but for what the log decides."""

    operation: Operation
    answer: dict[str, Any]


def edit_message(path: MessagePath, user_id: int, command: EditMessage) -> Prepared:
    """May block. Raise RateLimited, NotFound, Forbidden (another's, a system message, too late), Invalid, TooLarge,
    Overloaded."""
    path.rates.edits.count(user_id)
    check_length(command.message, path.settings.max_text)
    view = find_present(path, user_id, command.id, command.conversation_id)
    if view["senderId"] != user_id:
        raise Forbidden("Only its author may edit a message.")
    _check_changeable(view)
    if _is_late(path, view):
        raise Forbidden("It is too late to edit this message.")
    if not command.message and not view["attachments"]:
        raise Invalid.field("message", "neither text nor attachments")
    body = body_for_edit(view, command.message)
    mentioned = find_mentions(path, view["conversationId"], user_id, command.message)
    if mentioned.users:
        body.mentions = mentioned.users
    if mentioned.all:
        body.mentions_all = True
    return _prepared(Kind.EDITED, user_id, view, [view["seq"]], encode_body(body))


def delete_message(path: MessagePath, user_id: int, command: DeleteMessage) -> Prepared:
    """May block. Raise RateLimited, NotFound, Forbidden, Overloaded. Deleting again what is deleted is no error."""
    path.rates.edits.count(user_id)
    view = find_message(path, user_id, command.id, command.conversation_id)
    if command.scope == "me":
        return _prepared(Kind.HIDDEN, user_id, view, [view["seq"]])
    _check_changeable(view)
    author = 0 if _is_late(path, view) else view["senderId"]  # then it takes an admin
    return _prepared(Kind.DELETED, user_id, view, [view["seq"], author])


def react(path: MessagePath, user_id: int, command: React) -> Prepared:
    """May block. Raise RateLimited, NotFound, Forbidden (a system message), Invalid (too many different ones),
    Overloaded."""
    path.rates.reactions.count(user_id)
    view = find_present(path, user_id, command.id, command.conversation_id)
    _check_changeable(view)
    there = {reaction["emoji"]: reaction["mine"] for reaction in view["reactions"]}
    if command.on and len(there) >= DIFFERENT_EMOJI and command.emoji not in there:
        raise Invalid.field("emoji", f"a message takes {DIFFERENT_EMOJI} different ones")
    body = encode_body(ReactedBody(emoji=command.emoji, on=command.on))
    changes = int(there.get(command.emoji, False) != command.on)
    return _prepared(Kind.REACTED, user_id, view, [view["seq"], changes], body)


def pin_message(path: MessagePath, user_id: int, command: SwitchMessage) -> Prepared:
    """May block. Raise RateLimited, NotFound, Forbidden, Overloaded."""
    path.rates.edits.count(user_id)
    view = find_present(path, user_id, command.id, command.conversation_id)
    _check_changeable(view)
    return _prepared(Kind.PINNED, user_id, view, [view["seq"]], encode_body(SwitchBody(on=command.on)))


def _check_changeable(view: View) -> None:
    if view["kind"] == "system":
        raise Forbidden("System messages stay as they are.")


def _is_late(path: MessagePath, view: View) -> bool:
    sent = datetime.fromisoformat(view["sentAt"]).timestamp()
    return now_ms() / 1000 - sent > path.settings.edit_seconds


def _prepared(kind: Kind, user_id: int, view: View, what: list[Any], body: str = "") -> Prepared:
    answer = {"id": view["id"], "conversationId": view["conversationId"], "seq": view["seq"], "status": "stored"}
    return Prepared(Operation(kind, view["conversationId"], user_id, what, body, "", view["id"]), answer)


# Every command that changes a message, over any transport.
CHANGES: dict[str, Callable[[MessagePath, int, Any], Prepared]] = {
    "edit_message": edit_message,
    "delete_message": delete_message,
    "react": react,
    "pin_message": pin_message,
}
