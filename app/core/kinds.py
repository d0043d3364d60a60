"""The tables of the commands and events of the protocol, and of the kinds of records.

The hub, the drain, reads over the unstored tail, resume, unread and the Lua scripts of the log all read them. To add a
command, an event or a kind, add its row here (docs/how-to/add-a-command.md). tests/unit/test_kinds.py fails if a row
lacks its storage, its document, its client method or its REST twin.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any

from msgspec import Struct

from app.core import answers, change_answers, commands, media, message_answers, message_view, record_events
from app.core.events import Event, message_event
from app.core.kind_rows import Audience, CommandKind, EventKind, RecordKind, Replay, Storage
from app.core.message_view import ChangeView
from app.core.record_events import MakeEvent, about_message, about_message_by_user
from app.core.records import (
    MarksBody,
    MessageBody,
    ReactedBody,
    Record,
    SettingsBody,
    SwitchBody,
    decode_as,
    decode_marks,
)
from app.core.times import rfc3339


class Kind(IntEnum):
    """The number of a kind, in the log and on the bus. RECORDS says what each kind means."""

    MESSAGE = 1
    DELIVERED = 2
    READ = 3
    TYPING = 4
    PRESENCE = 5
    STORED = 6
    REFUSED = 7
    REVOKED = 8
    EDITED = 10
    DELETED = 11
    REACTED = 12
    PINNED = 13
    HIDDEN = 14  # deleted only for its user
    SETTINGS = 15  # of a conversation, for one user
    RECEIPT_BATCH = 16  # many marks of one large conversation
    BLOCKED_MESSAGE = 17  # its receiver has blocked the sender and must not see it
    GROUP_CHANGED = 18  # a change of a group's members, roles or name, with its system message
    BLOCKED = 19
    LAST_SEEN_HIDDEN = 20  # a user shows their presence to fewer people than before
    MEDIA = 21  # a medium is ready, or it failed
    MEDIA_RESOLVED = 22  # the new state of a message after one of its media became ready or failed
    PROGRESS = 23  # how far the processing of a medium is; never logged
    STARRED = 24  # only its user sees the star
    FORGOTTEN = 25  # users who were registered at a gateway before, but not any more
    ADMITTED = 26  # a direct conversation that was held back from its user is shown to them from now on


# --- commands of the WebSocket


def _acked(data: type[commands.Command], summary: str, ack: type[Struct], *rest: str) -> CommandKind:
    return CommandKind(data, summary, "ack", ack, rest)


def _change_command(data: type[commands.Command], summary: str, *rest: str) -> CommandKind:
    """``rest``: method and path below the message's own."""
    twins = ("{} /api/v1/messages/{{messageId}}{}".format(*call.partition(" ")[::2]) for call in rest)
    return _acked(data, summary, change_answers.ChangeAck, *twins)


def _switch_command(summary: str, switch: str, record: Kind) -> CommandKind:
    """A command called ``<switch>_message``. ``PUT …/<switch>`` turns it on, ``DELETE …/<switch>`` off."""
    row = _change_command(commands.SwitchMessage, summary, f"PUT /{switch}", f"DELETE /{switch}")
    return row._replace(switch=switch, record=record)


_HERE = "/api/v1/conversations/{conversationId}"
COMMANDS: dict[str, CommandKind] = {
    "join": CommandKind(commands.Join, "Begin the session; resume from `cursor` if it is given", "joined"),
    "authenticate": _acked(
        commands.Authenticate, "Present the next token before the current one expires", answers.AuthenticateAck
    ),
    "send_message": _acked(
        commands.SendMessage, "Send to `conversationId` or to `receiverId`", answers.Ack, "POST /api/v1/messages"
    ),
    "edit_message": _change_command(commands.EditMessage, "Change the text of your own message", "PATCH"),
    "delete_message": _change_command(
        commands.DeleteMessage, "Delete for everyone, or (`scope: me`) only for yourself", "DELETE"
    ),
    "react": _change_command(
        commands.React,
        "React to a message, or take the reaction back",
        "PUT /reactions/{emoji}",
        "DELETE /reactions/{emoji}",
    ),
    "pin_message": _switch_command("Pin a message, or unpin it", "pin", Kind.PINNED),
    "star_message": _switch_command("Star a message for yourself, or take the star away", "star", Kind.STARRED),
    "fetch_unread_messages": CommandKind(
        commands.FetchUnread,
        "Fetch unread messages; marks them delivered, not read",
        "unread_messages",
        rest=("GET /api/v1/messages/unread",),
    ),
    "message_delivered": _acked(
        commands.Mark, "Everything up to and including `seq` has arrived", answers.MarkAck, f"POST {_HERE}/delivered"
    ),
    "message_read": _acked(
        commands.Mark, "Everything up to and including `seq` was read", answers.MarkAck, f"POST {_HERE}/read"
    ),
    "typing": CommandKind(
        commands.Typing,
        "Show the other members that you are typing, or have stopped",
        None,
        rest=(f"POST {_HERE}/typing",),
    ),
    "presence_subscribe": CommandKind(
        commands.PresenceSubscribe,
        "Watch who comes online and goes offline; at most 5000 people per session",
        "presence",
        rest=("GET /api/v1/presence",),
    ),
    "ping": CommandKind(commands.Ping, "Check that the session is alive", "pong"),
}

# --- events


EVENTS: dict[str, EventKind] = {
    "joined": EventKind(
        answers.Joined, "no", "Answers join; the first event of every SSE stream, and of a poll without a cursor"
    ),
    "ack": EventKind(answers.Ack, "no", "Confirms that a message, a change or a mark is stored; answers authenticate"),
    "unread_messages": EventKind(message_answers.UnreadMessages, "no", "Answers fetch_unread_messages"),
    "receive_message": EventKind(
        message_answers.ReceivedMessage,
        "every one",
        "A message, to every session of every member except the session that sent it",
    ),
    "message_updated": EventKind(
        message_answers.ReceivedMessage,
        "every one",
        "The new state of a message; if `reactions` is absent, they have not changed",
    ),
    "message_deleted": EventKind(message_answers.MessageDeleted, "every one", "A message was deleted"),
    "message_delivered": EventKind(answers.MarkMoved, "latest state", "A member's devices have all messages up to seq"),
    "message_read": EventKind(answers.MarkMoved, "latest state", "A member has read all messages up to seq"),
    "reaction": EventKind(change_answers.ReactionShown, "latest state", "A reaction; replayed as message_updated"),
    "message_pinned": EventKind(change_answers.MessagePinned, "latest state", "A pin; replayed as message_updated"),
    "message_starred": EventKind(
        message_answers.MessageStarred, "latest state", "You starred a message, or took the star away; only for you"
    ),
    "conversation_updated": EventKind(
        change_answers.ConversationNow, "latest state", "The new state of a group: its name, members and roles"
    ),
    "conversation_settings": EventKind(
        change_answers.SettingsNow, "latest state", "Your own settings of a conversation"
    ),
    "media_ready": EventKind(media.MediaReady, "every one", "A medium can be shown; messages that have it are updated"),
    "media_failed": EventKind(
        media.MediaFailed, "every one", "The processing of a medium failed; messages that have it are updated"
    ),
    "media_progress": EventKind(media.MediaProgress, "no", "How far the processing of a medium is"),
    "typing": EventKind(answers.TypingShown, "no", "Another member is typing, or has stopped"),
    "presence": EventKind(
        answers.Presence, "no", "A watched user came online or went offline; also answers presence_subscribe"
    ),
    "resync": EventKind(
        answers.Resync, "no", "The cursor is too old, or of another server; or a request to write to you was accepted"
    ),
    "error": EventKind(answers.ErrorData, "no", "Refuses a command, or gives the reason why the session ends"),
    "pong": EventKind(answers.Pong, "no", "Answers ping"),
}

# --- records


def _message(audience: Audience, make_event: MakeEvent | None = message_event, *events: str) -> RecordKind:
    return RecordKind((*events, "receive_message"), MessageBody, audience, Storage.MESSAGES, Replay.MESSAGE, make_event)


def _change(name: str, body: type | None, make_event: MakeEvent, change_view: ChangeView) -> RecordKind:
    """A change of a message that all members see."""
    return RecordKind((name,), body, Audience.MEMBERS, Storage.CHANGES, Replay.CHANGED_MESSAGE, make_event, change_view)


def _ephemeral(name: str, audience: Audience, make_event: MakeEvent | None = None) -> RecordKind:
    return RecordKind((name,), None, audience, Storage.NONE, Replay.NONE, make_event)


MARK_NAMES: dict[int, str] = {Kind.DELIVERED: "message_delivered", Kind.READ: "message_read"}
_TO_USER = Audience.USER, Storage.CHANGES, Replay.EVENT
_MARK = Audience.MEMBERS, Storage.MARKS, Replay.LATEST_MARK
_NOTICE = RecordKind((), None, Audience.GATEWAY, Storage.NONE, Replay.NONE)

RECORDS: dict[Kind, RecordKind] = {
    Kind.MESSAGE: _message(Audience.MEMBERS),
    Kind.BLOCKED_MESSAGE: _message(Audience.USER),
    Kind.GROUP_CHANGED: _message(Audience.MEMBERS, None, "conversation_updated"),
    Kind.DELIVERED: RecordKind(("message_delivered",), None, *_MARK, record_events.one_mark("message_delivered")),
    Kind.READ: RecordKind(("message_read",), None, *_MARK, record_events.one_mark("message_read")),
    Kind.RECEIPT_BATCH: RecordKind(
        ("message_delivered", "message_read"), MarksBody, *_MARK, record_events.many_marks(MARK_NAMES)
    ),
    Kind.EDITED: _change("message_updated", MessageBody, record_events.edited, message_view.edit),
    Kind.DELETED: _change("message_deleted", None, about_message("message_deleted"), message_view.delete),
    Kind.REACTED: _change("reaction", ReactedBody, about_message_by_user("reaction"), message_view.react),
    Kind.PINNED: _change(
        "message_pinned",
        SwitchBody,
        about_message_by_user("message_pinned"),
        message_view.switch("pinnedAt", lambda record: rfc3339(record.sent_ms)),
    ),
    Kind.MEDIA_RESOLVED: _change(
        "message_updated", MessageBody, record_events.media_resolved, message_view.resolve_media
    ),
    Kind.HIDDEN: RecordKind(("message_deleted",), None, *_TO_USER, about_message("message_deleted")),
    Kind.STARRED: RecordKind(
        ("message_starred",),
        SwitchBody,
        *_TO_USER,
        about_message("message_starred"),
        message_view.switch("starred", lambda _: True),
    ),
    Kind.SETTINGS: RecordKind(("conversation_settings",), SettingsBody, *_TO_USER, record_events.settings),
    Kind.ADMITTED: RecordKind(("resync",), None, *_TO_USER, record_events.resync),
    Kind.MEDIA: RecordKind(
        ("media_ready", "media_failed"), None, Audience.MEMBERS, Storage.CHANGES, Replay.EVENT, record_events.media
    ),
    Kind.TYPING: _ephemeral("typing", Audience.OTHERS),
    Kind.PRESENCE: _ephemeral("presence", Audience.WATCHERS),
    Kind.PROGRESS: _ephemeral("media_progress", Audience.MEMBERS, record_events.progress),
    Kind.STORED: _NOTICE,
    Kind.REFUSED: _NOTICE,
    Kind.REVOKED: _NOTICE,
    Kind.BLOCKED: _NOTICE,
    Kind.LAST_SEEN_HIDDEN: _NOTICE,
    Kind.FORGOTTEN: _NOTICE,
}


def _kinds(wanted: Callable[[RecordKind], bool]) -> frozenset[int]:
    return frozenset(int(kind) for kind, row in RECORDS.items() if wanted(row))


# Sets of plain numbers, for code that checks many records: an access to an enum member costs more than the look-up.
MESSAGES = _kinds(lambda row: row.storage is Storage.MESSAGES)
MESSAGES_FOR_ALL = _kinds(lambda row: row.storage is Storage.MESSAGES and row.audience is Audience.MEMBERS)
MARKS = _kinds(lambda row: row.storage is Storage.MARKS)
CHANGES = _kinds(lambda row: row.storage is Storage.CHANGES)
LOGGED = _kinds(lambda row: row.storage is not Storage.NONE)
PRIVATE = _kinds(lambda row: row.audience is Audience.USER)
MESSAGE_CHANGES = _kinds(lambda row: row.replay is Replay.CHANGED_MESSAGE)
REPLAYED_EVENTS = _kinds(lambda row: row.replay is Replay.EVENT)

MAKE_EVENT: dict[int, MakeEvent] = {
    int(kind): row.make_event
    for kind, row in RECORDS.items()
    if row.make_event is not None and row.storage is not Storage.NONE
}
CHANGE_VIEW: dict[int, ChangeView] = {
    int(kind): row.change_view for kind, row in RECORDS.items() if row.change_view is not None
}


def _decoder(body: type | None) -> Callable[[str], Any]:
    if body is None:
        return lambda _: None
    return decode_marks if body is MarksBody else partial(decode_as, body)


_DECODE = {int(kind): _decoder(row.body) for kind, row in RECORDS.items() if row.storage is not Storage.NONE}


def event_of(epoch: int, record: Record) -> Event:
    """Returns the event of a logged record. Raises KeyError if its kind has none of its own."""
    return MAKE_EVENT[record.kind](epoch, record)


def decode_record(record: Record) -> Any:
    """Returns the record's body as its kind's type, or None if it has none.

    Raises KeyError for a kind that is never logged; ValueError or UnicodeError if the body has another form.
    """
    return _DECODE[record.kind](record.body)


def is_message_for(record: Record, user_id: int) -> bool:
    """Returns whether the record is a message that this member sees."""
    kind = record.kind
    return kind in MESSAGES_FOR_ALL or (kind in MESSAGES and record.user_id == user_id)
