"""The table of the kinds of records. Commands are in command_kinds.py, events in event_kinds.py.

The hub, the drain, reads over the unstored tail, resume, unread and the Lua scripts of the log all read it. To add a
kind, add its row here (docs/how-to/add-a-command.md). tests/unit/test_kinds.py fails if a row lacks its storage or its
event.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any

from app.core import host_events, message_view, record_events
from app.core.events import Event, message_event
from app.core.host_events import MakeFed
from app.core.kind_rows import Audience, RecordKind, Replay, Storage
from app.core.message_view import ChangeView
from app.core.record_events import MakeEvent, about_message, about_message_by_user
from app.core.records import (
    ClearBody,
    DraftBody,
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
    FORGOTTEN = 25  # users who are no longer registered at a gateway
    ADMITTED = 26  # a direct conversation that was held back from its user is shown to them from now on
    DRAFTED = 27  # only its user sees the draft
    USER_UPDATED = 28  # a user's new name or avatar, or the deletion of the account; stored with the user
    CLEARED = 29  # messages that one user no longer sees
    CUSTOM = 30  # an event of an application; never logged
    APPENDED = 31  # text was added to a stream; never logged
    STREAM_ENDED = 32  # a message that was growing has its final text
    REQUESTED = 33  # a request to its user began to wait, or no longer waits; stored in a table of its own
    SHADOWED = 34  # a user's shadow suspension begins, or ends
    # Acts of a user with a shadow suspension. Only the user sees them.
    SHADOW_MESSAGE = 35
    SHADOW_READ = 36
    SHADOW_EDITED = 37  # of a message that others see as it was
    SHADOW_REACTED = 38
    SHADOW_PINNED = 39
    # Notices that move the rosters of a gateway (app/fanout/rosters.py).
    ROSTER = 40
    ROSTER_LEFT = 41
    ROSTERS_OF = 42
    ROSTERS = 43
    MILESTONE = 44  # sessions have everything of their shard up to a version (app/fanout/lua/milestone.lua)


def _message(audience: Audience, make_event: MakeEvent | None = message_event, *events: str) -> RecordKind:
    return RecordKind((*events, "receive_message"), MessageBody, audience, Storage.MESSAGES, Replay.MESSAGE, make_event)


def _change(
    name: str, body: type | None, make_event: MakeEvent, change_view: ChangeView, feed: MakeFed | None = None
) -> RecordKind:
    """A change of a message that all members see."""
    made = make_event, change_view, feed
    return RecordKind((name,), body, Audience.MEMBERS, Storage.CHANGES, Replay.CHANGED_MESSAGE, *made)


_updated = partial(_change, "message_updated", MessageBody, record_events.whole_message)


def _ephemeral(name: str, audience: Audience, make_event: MakeEvent | None = None) -> RecordKind:
    return RecordKind((name,), None, audience, Storage.NONE, Replay.NONE, make_event)


MARK_NAMES: dict[int, str] = {Kind.DELIVERED: "message_delivered", Kind.READ: "message_read"}
_TO_USER = Audience.USER, Storage.CHANGES, Replay.EVENT
_MARK = Audience.MEMBERS, Storage.MARKS, Replay.LATEST_MARK
_NOTICE = RecordKind((), None, Audience.GATEWAY, Storage.NONE, Replay.NONE)

RECORDS: dict[Kind, RecordKind] = {
    Kind.MESSAGE: _message(Audience.MEMBERS)._replace(feed=host_events.created),
    Kind.BLOCKED_MESSAGE: _message(Audience.USER),
    Kind.SHADOW_MESSAGE: _message(Audience.USER)._replace(feed=host_events.shadowed(host_events.created)),
    Kind.GROUP_CHANGED: _message(Audience.MEMBERS, None, "conversation_updated")._replace(
        feed=host_events.group_changed
    ),
    Kind.DELIVERED: RecordKind(("message_delivered",), None, *_MARK, record_events.one_mark("message_delivered")),
    Kind.READ: RecordKind(("message_read",), None, *_MARK, record_events.one_mark("message_read")),
    Kind.RECEIPT_BATCH: RecordKind(
        ("message_delivered", "message_read"), MarksBody, *_MARK, record_events.many_marks(MARK_NAMES)
    ),
    Kind.EDITED: _change("message_updated", MessageBody, record_events.edited, message_view.edit, host_events.updated),
    Kind.DELETED: _change(
        "message_deleted", None, about_message("message_deleted"), message_view.delete, host_events.deleted
    ),
    Kind.REACTED: _change(
        "reaction", ReactedBody, about_message_by_user("reaction"), message_view.react, host_events.reacted
    ),
    Kind.PINNED: _change(
        "message_pinned",
        SwitchBody,
        about_message_by_user("message_pinned"),
        message_view.switch("pinnedAt", lambda record: rfc3339(record.sent_ms)),
    ),
    Kind.MEDIA_RESOLVED: _updated(message_view.resolve_media),
    Kind.STREAM_ENDED: _updated(message_view.end_stream, host_events.stream_ended),
    Kind.SHADOW_READ: RecordKind(("message_read",), None, *_TO_USER, record_events.one_mark("message_read")),
    Kind.HIDDEN: RecordKind(("message_deleted",), None, *_TO_USER, about_message("message_deleted")),
    Kind.STARRED: RecordKind(
        ("message_starred",),
        SwitchBody,
        *_TO_USER,
        about_message("message_starred"),
        message_view.switch("starred", lambda _: True),
    ),
    Kind.SETTINGS: RecordKind(("conversation_settings",), SettingsBody, *_TO_USER, record_events.settings),
    Kind.CLEARED: RecordKind(("conversation_cleared",), ClearBody, *_TO_USER, record_events.cleared),
    Kind.DRAFTED: RecordKind(("draft_updated",), DraftBody, *_TO_USER, record_events.draft),
    Kind.ADMITTED: RecordKind(("resync",), None, *_TO_USER, record_events.resync),
    Kind.MEDIA: RecordKind(
        ("media_ready", "media_failed"), None, Audience.MEMBERS, Storage.CHANGES, Replay.EVENT, record_events.media
    )._replace(feed=host_events.media),
    Kind.TYPING: _ephemeral("typing", Audience.OTHERS),
    Kind.CUSTOM: _ephemeral("custom", Audience.OTHERS),
    Kind.APPENDED: _ephemeral("message_append", Audience.MEMBERS),
    Kind.PRESENCE: _ephemeral("presence", Audience.WATCHERS),
    Kind.USER_UPDATED: _ephemeral("user_updated", Audience.ACQUAINTANCES),
    Kind.REQUESTED: _ephemeral("request_updated", Audience.USER),
    Kind.PROGRESS: _ephemeral("media_progress", Audience.MEMBERS, record_events.progress),
    Kind.STORED: _NOTICE,
    Kind.REFUSED: _NOTICE,
    Kind.REVOKED: _NOTICE,
    Kind.SHADOWED: _NOTICE,
    Kind.BLOCKED: _NOTICE,
    Kind.LAST_SEEN_HIDDEN: _NOTICE,
    Kind.FORGOTTEN: _NOTICE,
    Kind.ROSTER: _NOTICE,
    Kind.ROSTER_LEFT: _NOTICE,
    Kind.ROSTERS_OF: _NOTICE,
    Kind.ROSTERS: _NOTICE,
    Kind.MILESTONE: _NOTICE,
}

# The change of a message that others see becomes one that only its user sees.
SHADOWS: dict[int, Kind] = {
    Kind.EDITED: Kind.SHADOW_EDITED,
    Kind.REACTED: Kind.SHADOW_REACTED,
    Kind.PINNED: Kind.SHADOW_PINNED,
}
for _kind, _shadow in SHADOWS.items():
    _row = RECORDS[Kind(_kind)]
    _feed = None if _row.feed is None else host_events.shadowed(_row.feed)
    RECORDS[_shadow] = _row._replace(audience=Audience.USER, replay=Replay.EVENT, feed=_feed)


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

FEED: dict[int, MakeFed] = {int(kind): row.feed for kind, row in RECORDS.items() if row.feed is not None}


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
