"""The table of the events of the protocol. The records that become events are in kinds.py."""

from __future__ import annotations

from app.core import answers, change_answers, custom_answers, media, message_answers, request_answers
from app.core.kind_rows import EventKind

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
    "message_append": EventKind(
        message_answers.MessageAppend,
        "no",
        "Text was added to a stream; on resume, message_updated has the text so far",
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
    "conversation_cleared": EventKind(
        change_answers.ConversationCleared, "latest state", "You cleared a conversation for yourself"
    ),
    "draft_updated": EventKind(change_answers.DraftNow, "latest state", "Your own draft in a conversation"),
    "media_ready": EventKind(media.MediaReady, "every one", "A medium can be shown; messages that have it are updated"),
    "media_failed": EventKind(
        media.MediaFailed, "every one", "The processing of a medium failed; messages that have it are updated"
    ),
    "media_progress": EventKind(media.MediaProgress, "no", "How far the processing of a medium is"),
    "typing": EventKind(answers.TypingShown, "no", "Another member is typing, or has stopped"),
    "custom": EventKind(custom_answers.CustomEvent, "no", "An event that another member's application sent"),
    "presence": EventKind(
        answers.Presence, "no", "A watched user came online or went offline; also answers presence_subscribe"
    ),
    "user_updated": EventKind(
        answers.UserUpdated,
        "latest state",
        "The new name or avatar of somebody whom you share a conversation with or watch, or their account was deleted",
    ),
    "request_updated": EventKind(
        request_answers.RequestNow,
        "latest state",
        "Somebody wants to add you to a group or to write to you, or such a request no longer waits",
    ),
    "resync": EventKind(
        answers.Resync, "no", "The cursor is too old, or of another server; or a request to write to you was accepted"
    ),
    "error": EventKind(answers.ErrorData, "no", "Refuses a command, or gives the reason why the session ends"),
    "pong": EventKind(answers.Pong, "no", "Answers ping"),
}
