"""Edit, delete, react, and switches such as pin: checks the request against the message as it is now, and returns the
operation for the log. The script that carries it out (message_log/lua/change.lua) checks the user's role.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine

from app.clock import now_ms
from app.core.commands import DeleteMessage, EditMessage, React, SwitchMessage, check_length
from app.core.errors import Conflict, Forbidden, Invalid
from app.core.kinds import COMMANDS, Kind
from app.core.message_view import View, body_for_edit
from app.core.records import MessageBody, ReactedBody, SettingsBody, SwitchBody, encode_body
from app.core.times import ms_of_time
from app.message_log.append import NO_EPOCH, Operation
from app.services.messaging.mentions import find_mentions
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.find_message import FoundMessage, MessageFinder
from app.services.reading.quotations import find_quotation, quote_in
from app.store.engine import reading

IN_PLACE = -1  # change.lua: the message has this text already
MAX_EMOJI = 50  # different ones per message
# Counts one act of a user against a limit. May block. Raises RateLimited.
Acquire = Callable[[int], None]


class Prepared(NamedTuple):
    """An operation for the log, and its ack. The log adds the seq of a system message to the ack."""

    operation: Operation
    answer: dict[str, Any]


class MessageEditor:
    """May block. All methods raise RateLimited, NotFound, Forbidden and Overloaded."""

    def __init__(
        self,
        *,
        engine: Engine,
        conversations: ConversationCache,
        messages: MessageFinder,
        acquire_edit: Acquire,
        acquire_reaction: Acquire,
        max_text: int,
        edit_seconds: float,
    ) -> None:
        self._engine = engine
        self._conversations = conversations
        self._messages = messages
        self._acquire_edit = acquire_edit
        self._acquire_reaction = acquire_reaction
        self._max_text = max_text
        self._edit_seconds = edit_seconds

    def edit(self, user_id: int, command: EditMessage) -> Prepared:
        """Only the author may edit, and only for a while. Also raises Invalid, TooLarge, and Conflict if the message
        was edited since ``after``.
        """
        self._acquire_edit(user_id)
        check_length(command.message, self._max_text)
        after = _moment(command.after)
        found = self._messages.look_up_present(user_id, command.id, command.conversation_id)
        view = found.view
        if view["senderId"] != user_id:
            raise Forbidden("Only the author may edit a message.")
        _check_changeable(view)
        if self._is_late(view):
            raise Forbidden("It is too late to edit this message.")
        if not command.message and not view["attachments"]:
            raise Invalid.field("message", "neither text nor attachments")
        if after and _last_edit(view) > after:
            return _edited_since(user_id, found, command.message)
        body = body_for_edit(view, command.message)
        mentioned = find_mentions(
            view["conversationId"],
            user_id,
            command.message,
            engine=self._engine,
            conversations=self._conversations,
        )
        if mentioned.users:
            body.mentions = mentioned.users
        if mentioned.all:
            body.mentions_all = True
        return _prepared(Kind.EDITED, user_id, found, [after, *self._quote(view, body)], encode_body(body))

    def _quote(self, view: View, body: MessageBody) -> list[Any]:
        """Sets the quotation of a reply's new state. Returns its operand for the log, or nothing. The author may see
        less of the quoted message than other members, or more.
        """
        if "replyTo" not in view:
            return []
        with reading(self._engine) as connection:
            quotation = find_quotation(connection, view["conversationId"], view["replyTo"])
        return quote_in(body, quotation)

    def delete(self, user_id: int, command: DeleteMessage) -> Prepared:
        """Deleting a deleted message again is not an error."""
        self._acquire_edit(user_id)
        found = self._messages.look_up(user_id, command.id, command.conversation_id)
        if command.scope == "me":
            return _prepared(Kind.HIDDEN, user_id, found)
        _check_changeable(found.view)
        author = 0 if self._is_late(found.view) else found.view["senderId"]  # 0: only an admin may delete it
        return _prepared(Kind.DELETED, user_id, found, [author])

    def react(self, user_id: int, command: React) -> Prepared:
        """Also raises Invalid if the message has too many different emoji."""
        self._acquire_reaction(user_id)
        found = self._messages.look_up_present(user_id, command.id, command.conversation_id)
        _check_changeable(found.view)
        there = {reaction["emoji"]: reaction["mine"] for reaction in found.view["reactions"]}
        if command.on and len(there) >= MAX_EMOJI and command.emoji not in there:
            raise Invalid.field("emoji", f"a message takes at most {MAX_EMOJI} different ones")
        body = encode_body(ReactedBody(emoji=command.emoji, on=command.on))
        changes = int(there.get(command.emoji, False) != command.on)
        return _prepared(Kind.REACTED, user_id, found, [changes], body)

    def switch(self, record: int, user_id: int, command: SwitchMessage) -> Prepared:
        """Turns something of a message on or off. ``record`` is the kind of record that says so."""
        self._acquire_edit(user_id)
        found = self._messages.look_up_present(user_id, command.id, command.conversation_id)
        _check_changeable(found.view)
        return _prepared(record, user_id, found, [], encode_body(SwitchBody(on=command.on)))

    def _is_late(self, view: View) -> bool:
        sent = datetime.fromisoformat(view["sentAt"]).timestamp()
        return now_ms() / 1000 - sent > self._edit_seconds


Change = Callable[[MessageEditor, int, Any], Prepared]


def change_settings(user_id: int, conversation_id: int, settings: SettingsBody) -> Prepared:
    """Returns the change of a member's own settings of a conversation: muted, archived, pinned."""
    operation = Operation(Kind.SETTINGS, conversation_id, user_id, [], encode_body(settings))
    return Prepared(operation, {"conversationId": conversation_id, "status": "stored"})


def admit(user_id: int, conversation_id: int) -> Prepared:
    """Returns the change that shows the user a direct conversation that was held back from them. The caller has checked
    that it was (store/direct_pairs.py).
    """
    operation = Operation(Kind.ADMITTED, conversation_id, user_id, [])
    return Prepared(operation, {"conversationId": conversation_id, "status": "stored"})


def _moment(after: str | None) -> int:
    return 0 if after is None else ms_of_time(after, "after")


def _last_edit(view: View) -> int:
    return ms_of_time(view.get("editedAt") or view["sentAt"], "editedAt")


def _edited_since(user_id: int, found: FoundMessage, text: str) -> Prepared:
    """Returns an edit that changes nothing if this edit was made before: it is only repeated. Raises Conflict if the
    message has another text.
    """
    if found.view["message"] != text:
        raise Conflict("The message was edited since.")
    return _prepared(Kind.EDITED, user_id, found, [IN_PLACE])


def _check_changeable(view: View) -> None:
    if view["kind"] == "system":
        raise Forbidden("System messages cannot be changed.")


def _prepared(kind: int, user_id: int, found: FoundMessage, more: Sequence[Any] = (), body: str = "") -> Prepared:
    """``more``: the operands of this kind that follow the seq and the epoch (change.lua)."""
    view = found.view
    answer = {"id": view["id"], "conversationId": view["conversationId"], "seq": view["seq"], "status": "stored"}
    what = [view["seq"], found.epoch or NO_EPOCH, *more]
    return Prepared(Operation(kind, view["conversationId"], user_id, what, body, "", view["id"]), answer)


def _switching(record: int) -> Change:
    return lambda editor, user_id, command: editor.switch(record, user_id, command)


# Every command that changes a message, over any transport.
CHANGES: dict[str, Change] = {
    "edit_message": MessageEditor.edit,
    "delete_message": MessageEditor.delete,
    "react": MessageEditor.react,
    **{name: _switching(row.record) for name, row in COMMANDS.items() if row.switch},
}
