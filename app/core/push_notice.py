"""The text of notifications: as much as the user and the deployment allow, short enough for every push service."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from app.core.clip import clipped
from app.core.formatting import plain_text
from app.core.languages import EnglishTexts, Texts
from app.core.push import PREVIEWS

# A push service must accept 4,096 bytes (RFC 8030). The header and padding of RFC 8291 take 103 of them.
PAYLOAD_BYTES = 4096 - 103
TEXT_CHARACTERS = 500
SHORT_CHARACTERS = 80
SOURCE_CHARACTERS = 2 * TEXT_CHARACTERS  # of a text with its formatting
_ENGLISH = EnglishTexts()


class Message(Struct, frozen=True):
    """The message to notify about. ``group`` is the name of the group; None in a direct conversation.

    ``attached`` is the kind of the attachments, or ``file`` if their kinds differ. ``mentioned`` says whether the
    message names the receiver.
    """

    conversation_id: int
    id: str
    seq: int
    sender_id: int
    sender: str
    group: str | None
    text: str | None
    attached: str | None
    sent_at: str
    attachments: int = 1
    mentioned: bool = False


class Notice(Struct, rename="camel", frozen=True, tag="message", tag_field="type"):
    """A notification of a conversation's newest message. ``unread`` counts the unread messages of this conversation,
    ``badge`` those of all conversations.

    ``silent``: it replaces, without a sound, the notification that the device shows, because a message was edited or
    deleted.
    """

    conversation_id: int
    message_id: str
    seq: int
    title: str
    body: str
    unread: int
    badge: int
    tag: str
    sent_at: str
    sender_id: int | UnsetType = UNSET
    silent: bool | UnsetType = UNSET


class Clear(Struct, rename="camel", frozen=True, tag="clear", tag_field="type"):
    """Silently removes a notification, because the conversation was read elsewhere."""

    conversation_id: int
    tag: str
    badge: int


def tag_of(conversation_id: int) -> str:
    """A device shows one notification per tag. At most 32 characters of base64url, as a Topic must be (RFC 8030)."""
    return f"conversation-{conversation_id}"


def strictest(*previews: str) -> str:
    return min(previews, key=PREVIEWS.index)


def notice_of(
    message: Message, *, preview: str, unread: int, badge: int, silent: bool = False, texts: Texts = _ENGLISH
) -> Notice:
    title, body = _words(message, preview, unread, texts)
    return Notice(
        conversation_id=message.conversation_id,
        message_id=message.id,
        seq=message.seq,
        title=cut(title, 120),
        body=cut(body, TEXT_CHARACTERS),
        unread=unread,
        badge=badge,
        tag=tag_of(message.conversation_id),
        sent_at=message.sent_at,
        sender_id=UNSET if preview == "none" else message.sender_id,
        silent=True if silent else UNSET,
    )


def _words(message: Message, preview: str, unread: int, texts: Texts) -> tuple[str, str]:
    """Returns the title and the body."""
    if preview == "none":
        return _new(unread, texts), ""
    said = ""
    if preview == "full":
        said = plain_text(clipped(message.text or "", SOURCE_CHARACTERS)) or _attached(message, texts)
    said = said or _new(1, texts)
    if message.group is None:
        return message.sender, said
    if message.mentioned:
        return message.group, texts.text("{sender} mentioned you: {text}", sender=message.sender, text=said)
    return message.group, texts.text("{sender}: {text}", sender=message.sender, text=said)


def _new(count: int, texts: Texts) -> str:
    return texts.counted("New message", "{count} new messages", max(1, count))


def _attached(message: Message, texts: Texts) -> str:
    """Returns a text about the attachments; an empty one if there are none."""
    match message.attached:
        case None:
            return ""
        case "image":
            return texts.counted("Photo", "{count} photos", message.attachments)
        case "video":
            return texts.counted("Video", "{count} videos", message.attachments)
        case "audio":
            return texts.counted("Voice message", "{count} voice messages", message.attachments)
        case _:
            return texts.counted("File", "{count} files", message.attachments)


def cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else clipped(text, characters - 1).rstrip() + "…"


def encode(payload: Notice | Clear) -> bytes:
    """Returns JSON of at most ``PAYLOAD_BYTES``. The body is shortened until it fits."""
    encoded = msgspec.json.encode(payload)
    while len(encoded) > PAYLOAD_BYTES and isinstance(payload, Notice) and len(payload.body) > 1:
        payload = shortened(payload, len(payload.body) // 2)
        encoded = msgspec.json.encode(payload)
    return encoded


def shortened(notice: Notice, characters: int = SHORT_CHARACTERS) -> Notice:
    return msgspec.structs.replace(notice, body=cut(notice.body, characters))


def as_dict(payload: Notice | Clear) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(payload)
    return built
