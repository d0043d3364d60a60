"""Edit, delete, react, and switches such as pin: checks the request against the message as it is now, and returns the
operation for the log. The script that carries it out (message_log/lua/change.lua) checks the user's role.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Engine

from app.clock import now_ms
from app.core.command_kinds import COMMANDS
from app.core.commands import (
    ClearConversation,
    DeleteMessage,
    EditMessage,
    EndStream,
    MarkUnread,
    React,
    SetDraft,
    StopStream,
    SwitchMessage,
    check_edit,
    check_length,
)
from app.core.emoji import checked_emoji
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.kinds import SHADOWS, Kind
from app.core.message_view import View, body_for_edit
from app.core.records import HOST, MessageBody, ReactedBody, SwitchBody, encode_body
from app.core.times import ms_of_time
from app.message_log.append import NO_EPOCH, Operation
from app.services.messaging import own_changes
from app.services.messaging.before_send import BeforeSend, judged_edit
from app.services.messaging.end_stream import StreamEnder
from app.services.messaging.mentions import MentionFinder
from app.services.messaging.prepared import Prepared
from app.services.messaging.refusals import STILL_GROWS
from app.services.messaging.send_checks import CheckWrite
from app.services.reading.find_message import FoundMessage, MessageFinder
from app.services.reading.quotations import find_quotation, quote_in
from app.store.engine import reading

IN_PLACE = -1  # change.lua: the message has this text already
MAX_EMOJI = 50  # different ones per message
# Counts one act of a user against a limit. May block. Raises RateLimited.
Acquire = Callable[[int], None]


class MessageEditor:
    """May block. All methods raise RateLimited, NotFound, Forbidden and Overloaded."""

    def __init__(
        self,
        *,
        engine: Engine,
        mentions: MentionFinder,
        messages: MessageFinder,
        check_write: CheckWrite | None = None,
        streams: StreamEnder,
        before_send: BeforeSend | None = None,
        acquire_edit: Acquire,
        acquire_reaction: Acquire,
        is_shadowed: Callable[[int], bool] = lambda _: False,
        max_text: int,
        edit_seconds: float,
    ) -> None:
        self._is_shadowed = is_shadowed
        self._engine = engine
        self._mentions = mentions
        self._messages = messages
        self._check_write = check_write
        self._streams = streams
        self._before_send = before_send
        self._acquire_edit = acquire_edit
        self._acquire_reaction = acquire_reaction
        self._max_text = max_text
        self._edit_seconds = edit_seconds

    def edit(self, user_id: int, command: EditMessage) -> Prepared:
        """Only the author may edit, and only for a while. Also raises Invalid, TooLarge, and Conflict if the message
        was edited since ``after``, and Rejected if the hook before sending refuses the new state.
        """
        self._acquire_edit(user_id)
        check_edit(command, self._max_text)
        after = _moment(command.after)
        found = self._messages.look_up_present(user_id, command.id, command.conversation_id)
        view = found.view
        if view["senderId"] != user_id:
            raise Forbidden("Only the author may edit a message.")
        _check_changeable(view)
        if self._is_late(view):
            raise Forbidden("It is too late to edit this message.")
        if self._check_write is not None:
            self._check_write(user_id, view["conversationId"])
        text = _new_text(command, view)
        if after and _last_edit(view) > after:
            return _edited_since(user_id, found, text, command.metadata)
        if self._before_send is not None:
            command = judged_edit(self._before_send, user_id, view, command, text)
        return self._edited(user_id, found, command, after)

    def edit_for_host(self, user_id: int, found: FoundMessage, command: EditMessage) -> Prepared:
        """Edits any message but those about changes of a group, for the host's server: at any time, and without a rate.
        ``user_id`` is the user in whose name this is done.
        """
        check_edit(command, self._max_text)
        _refuse_group_messages(found.view)
        return self._edited(user_id, found, command, 0)

    @staticmethod
    def delete_for_host(user_id: int, found: FoundMessage) -> Prepared:
        """Deletes a message for the host's server, as ``edit_for_host`` edits it."""
        _refuse_group_messages(found.view)
        return _prepared(Kind.DELETED, user_id, found, [user_id])

    def _edited(self, user_id: int, found: FoundMessage, command: EditMessage, after: int) -> Prepared:
        view, text = found.view, _new_text(command, found.view)
        if "streaming" in view:
            raise Conflict(STILL_GROWS)
        body = body_for_edit(view, text)
        if command.metadata is not UNSET and (command.metadata or body.metadata):
            body.metadata = command.metadata or {}
        self._mentions.find(view["conversationId"], view["senderId"] or HOST, text, view).add_to(body)
        return self._changed(Kind.EDITED, user_id, found, [after, *self._quote(view, body)], encode_body(body))

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
        if command.scope == "me":
            return _prepared(Kind.HIDDEN, user_id, self._even_hidden(user_id, command))
        found = self._messages.look_up(user_id, command.id, command.conversation_id)
        _check_changeable(found.view)
        author = 0 if self._is_late(found.view) else found.view["senderId"]  # 0: only an admin may delete it
        if found.only is None and self._is_shadowed(user_id):
            if author != user_id:
                raise Forbidden("Your role does not allow this.")
            return _prepared(Kind.HIDDEN, user_id, found)  # others still see it
        return _prepared(Kind.DELETED, user_id, found, [author])

    def _even_hidden(self, user_id: int, command: DeleteMessage) -> FoundMessage:
        try:
            return self._messages.look_up(user_id, command.id, command.conversation_id)
        except NotFound:
            return self._messages.look_up_hidden(user_id, command.id, command.conversation_id)

    def react(self, user_id: int, command: React) -> Prepared:
        """Also raises Invalid if the text is not one emoji, and if the message has too many different ones."""
        self._acquire_reaction(user_id)
        emoji = checked_emoji(command.emoji)
        found = self._messages.look_up_present(user_id, command.id, command.conversation_id)
        _check_changeable(found.view)
        there = {reaction["emoji"]: reaction["mine"] for reaction in found.view["reactions"]}
        if command.on and len(there) >= MAX_EMOJI and emoji not in there:
            raise Invalid.field("emoji", f"a message can have at most {MAX_EMOJI} different ones")
        body = encode_body(ReactedBody(emoji=emoji, on=command.on))
        changes = int(there.get(emoji, False) != command.on)
        return self._changed(Kind.REACTED, user_id, found, [changes], body)

    def switch(self, record: int, user_id: int, command: SwitchMessage) -> Prepared:
        """Turns a switch of a message on or off. ``record`` is the kind of its record."""
        self._acquire_edit(user_id)
        found = self._messages.look_up_present(user_id, command.id, command.conversation_id)
        _check_changeable(found.view)
        return self._changed(record, user_id, found, [], encode_body(SwitchBody(on=command.on)))

    def end_stream(self, user_id: int, command: EndStream) -> Prepared:
        """``user_id``: HOST for the host's server. Also raises Stopped, Invalid and TooLarge."""
        if user_id != HOST:
            self._acquire_edit(user_id)
        if command.message is not None:
            check_length(command.message, self._max_text)
        return self._streams.end(user_id, command)

    def stop_stream(self, user_id: int, command: StopStream) -> Prepared:
        """Stopping a stream that has ended is not an error."""
        self._acquire_edit(user_id)
        return self._streams.stop(user_id, command)

    def set_draft(self, user_id: int, command: SetDraft) -> Prepared:
        """Also raises Invalid and TooLarge."""
        self._acquire_edit(user_id)
        check_length(command.message, self._max_text)
        return own_changes.set_draft(user_id, command)

    def mark_unread(self, user_id: int, command: MarkUnread) -> Prepared:
        self._acquire_edit(user_id)
        return own_changes.mark_unread(user_id, command)

    def clear_conversation(self, user_id: int, command: ClearConversation) -> Prepared:
        self._acquire_edit(user_id)
        return own_changes.clear_conversation(user_id, command)

    def _changed(self, kind: int, user_id: int, found: FoundMessage, more: Sequence[Any], body: str) -> Prepared:
        """Returns a change of a message. If its user has a shadow suspension and others see the message, only the user
        sees the change.
        """
        if found.only is None and self._is_shadowed(user_id):
            kind = SHADOWS.get(kind, kind)
        return _prepared(kind, user_id, found, more, body)

    def _is_late(self, view: View) -> bool:
        sent = datetime.fromisoformat(view["sentAt"]).timestamp()
        return now_ms() / 1000 - sent > self._edit_seconds


Change = Callable[[MessageEditor, int, Any], Prepared]


def _new_text(command: EditMessage, view: View) -> str:
    """Raises Invalid if nothing would remain of the message."""
    text: str = view["message"] if isinstance(command.message, UnsetType) else command.message
    if not text and not view["attachments"]:
        raise Invalid.field("message", "neither text nor attachments")
    return text


def _refuse_group_messages(view: View) -> None:
    if "system" in view:
        raise Forbidden("Messages about changes of a group cannot be changed.")


def _moment(after: str | None) -> int:
    return 0 if after is None else ms_of_time(after, "after")


def _last_edit(view: View) -> int:
    return ms_of_time(view.get("editedAt") or view["sentAt"], "editedAt")


def _edited_since(
    user_id: int, found: FoundMessage, text: str, metadata: dict[str, Any] | UnsetType | None
) -> Prepared:
    """Returns an edit that changes nothing if this edit was made before and is only repeated. Raises Conflict if the
    message has another text or other metadata.
    """
    same_metadata = metadata is UNSET or (metadata or {}) == found.view.get("metadata", {})
    if found.view["message"] != text or not same_metadata:
        raise Conflict("The message has been edited in the meantime.")
    return _prepared(Kind.EDITED, user_id, found, [IN_PLACE])


def _check_changeable(view: View) -> None:
    if view["kind"] == "system":
        raise Forbidden("System messages cannot be changed.")


def _prepared(kind: int, user_id: int, found: FoundMessage, more: Sequence[Any] = (), body: str = "") -> Prepared:
    """``more``: the operands of this kind that follow the seq and the epoch (change.lua)."""
    view = found.view
    answer = {"id": view["id"], "conversationId": view["conversationId"], "seq": view["seq"], "status": "stored"}
    what: list[Any] = [view["seq"], found.epoch or NO_EPOCH, *more]
    if found.only is not None:
        what += [False] * (5 - len(what)) + [found.only]
    return Prepared(Operation(kind, view["conversationId"], user_id, what, body, "", view["id"]), answer)


def _switching(record: int) -> Change:
    return lambda editor, user_id, command: editor.switch(record, user_id, command)


# Every command that changes a message or its user's own view of a conversation, over any transport.
CHANGES: dict[str, Change] = {
    "edit_message": MessageEditor.edit,
    "delete_message": MessageEditor.delete,
    "react": MessageEditor.react,
    "end_stream": MessageEditor.end_stream,
    "stop_stream": MessageEditor.stop_stream,
    "set_draft": MessageEditor.set_draft,
    "mark_unread": MessageEditor.mark_unread,
    "clear_conversation": MessageEditor.clear_conversation,
    **{name: _switching(row.record) for name, row in COMMANDS.items() if row.switch},
}
