"""Every event that a session may be sent, and what the documents say of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

from app.core.answers import (
    Ack,
    ErrorData,
    Joined,
    MarkMoved,
    MessageDeleted,
    Pong,
    Presence,
    ReceivedMessage,
    Resync,
    TypingShown,
    UnreadMessages,
)
from app.core.change_answers import ConversationNow, MessagePinned, ReactionShown, SettingsNow
from app.core.media import MediaFailed, MediaProgress, MediaReady


class EventKind(NamedTuple):
    """``replayed``: what a session that resumes gets of those it missed."""

    data: type[Struct]
    replayed: Literal["every one", "latest state", "no"]
    summary: str


EVENTS: dict[str, EventKind] = {
    "joined": EventKind(Joined, "no", "Answers join; first of every SSE stream, and of a poll without a cursor"),
    "ack": EventKind(Ack, "no", "Answers what is stored: a message, a mark; and authenticate"),
    "unread_messages": EventKind(UnreadMessages, "no", "Answers fetch_unread_messages"),
    "receive_message": EventKind(
        ReceivedMessage, "every one", "A message, to every session of every member but the one that sent it"
    ),
    "message_updated": EventKind(
        ReceivedMessage, "every one", "A message as it now is; what is absent of reactions has not changed"
    ),
    "message_deleted": EventKind(MessageDeleted, "every one", "A message that is no more"),
    "message_delivered": EventKind(MarkMoved, "latest state", "A member's devices have the messages up to seq"),
    "message_read": EventKind(MarkMoved, "latest state", "A member has read the messages up to seq"),
    "reaction": EventKind(ReactionShown, "latest state", "A reaction; replayed as message_updated"),
    "message_pinned": EventKind(MessagePinned, "latest state", "A pin; replayed as message_updated"),
    "conversation_updated": EventKind(ConversationNow, "latest state", "A group as it now is: name, members, roles"),
    "conversation_settings": EventKind(SettingsNow, "latest state", "One's own settings of a conversation"),
    "media_ready": EventKind(MediaReady, "every one", "A medium can be shown; messages that name it are updated"),
    "media_failed": EventKind(MediaFailed, "every one", "A medium never will be; messages that name it are updated"),
    "media_progress": EventKind(MediaProgress, "no", "How far a medium is"),
    "typing": EventKind(TypingShown, "no", "Another member types, or ceased to"),
    "presence": EventKind(Presence, "no", "A watched user comes or goes; also answers presence_subscribe"),
    "resync": EventKind(Resync, "no", "The cursor could not be resumed from"),
    "error": EventKind(ErrorData, "no", "Answers a command that was refused; or tells why the session ends"),
    "pong": EventKind(Pong, "no", "Answers ping"),
}
