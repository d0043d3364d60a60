"""The types of commands.

They validate WebSocket frames and REST bodies, and the OpenAPI and AsyncAPI documents are generated from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.core.errors import Invalid, TooLarge
from app.core.ids import UUID_PATTERN

MAX_SAFE_INTEGER = 2**53 - 1
MAX_TEXT = 8000
MAX_REF = 128
MAX_ATTACHMENTS = 20
MAX_FRAME_BYTES = 64 * 1024

Id = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
Seq = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
Ref = Annotated[str, Meta(max_length=MAX_REF)]
Emoji = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[^\s\x00-\x1f\x7f]+$")]
Time = Annotated[str, Meta(min_length=10, max_length=40)]  # RFC 3339
DeviceId = Annotated[str, Meta(min_length=1, max_length=128)]


class Command(Struct, rename="camel", frozen=True):
    """Base of all commands. Unknown fields are ignored, so that newer clients can talk to older servers."""


class Attachment(Command, frozen=True):
    media_id: Uuid


class Join(Command, frozen=True):
    user_id: Id | None = None
    token: Annotated[str, Meta(max_length=8192)] | None = None
    device_id: DeviceId | None = None
    cursor: str | None = None  # any text: a cursor of another server is answered with resync
    ack: Literal["auto", "client"] = "auto"


class Authenticate(Command, frozen=True):
    token: Annotated[str, Meta(max_length=8192)]


class Forward(Command, frozen=True):
    """The message to forward. The sender must be able to see it."""

    id: Uuid
    conversation_id: Id | None = None


class SendMessage(Command, frozen=True):
    """null means absent, for every field except ``message``."""

    message: str = ""
    id: Uuid | None = None
    sender_id: Id | None = None
    receiver_id: Id | None = None
    conversation_id: Id | None = None
    kind: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")] | None = "text"
    attachments: Annotated[list[Attachment], Meta(max_length=MAX_ATTACHMENTS)] | None = []
    reply_to: Uuid | None = None
    forward: Forward | None = None


class EditMessage(Command, frozen=True):
    """``conversation_id`` is needed if the user sees several messages with this id: it is unique per conversation.

    ``after`` is the ``editedAt`` of the text that this edit replaces, or ``sentAt`` if it was never edited. A later
    edit is not overwritten: ``conflict``.
    """

    id: Uuid
    message: str
    conversation_id: Id | None = None
    after: Time | None = None


class DeleteMessage(Command, frozen=True):
    id: Uuid
    scope: Literal["everyone", "me"] = "everyone"
    conversation_id: Id | None = None


class React(Command, frozen=True):
    id: Uuid
    emoji: Emoji
    on: bool
    conversation_id: Id | None = None


class SwitchMessage(Command, frozen=True):
    """A change of a message that is either on or off."""

    id: Uuid
    on: bool
    conversation_id: Id | None = None


class FetchUnread(Command, frozen=True):
    conversation_id: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class Mark(Command, frozen=True):
    """``message_delivered`` and ``message_read``: everything up to and including ``seq``."""

    conversation_id: Id
    seq: Seq


class Typing(Command, frozen=True):
    typing: bool
    conversation_id: Id | None = None
    receiver_id: Id | None = None


class PresenceSubscribe(Command, frozen=True):
    user_ids: Annotated[list[Id], Meta(max_length=1000)]


class Ping(Command, frozen=True):
    pass


class PollQuery(Struct, frozen=True):
    """``wait``: seconds after which the answer is empty."""

    cursor: str = ""
    wait: Annotated[float, Meta(ge=0, le=25)] = 25.0


def check_text(command: SendMessage, max_text: int = MAX_TEXT) -> None:
    """Checks the rules for a message that the types do not express. Raises Invalid or TooLarge."""
    check_length(command.message, max_text)
    if not command.message and not command.attachments and command.forward is None:
        raise Invalid.field("message", "neither text nor attachments")
    if command.kind == "system":
        raise Invalid.field("kind", "only the server sends system messages")
    check_target(command.conversation_id, command.receiver_id)


def check_length(text: str, max_text: int = MAX_TEXT) -> None:
    """Raises Invalid or TooLarge."""
    if len(text) > max_text:
        raise TooLarge(
            f"message: longer than {max_text} characters",
            errors=[{"field": "message", "message": f"longer than {max_text} characters"}],
        )
    if "\x00" in text:
        raise Invalid.field("message", "contains a NUL character")


def check_target(conversation_id: int | None, receiver_id: int | None) -> None:
    if (conversation_id is None) == (receiver_id is None):
        raise Invalid.field("conversationId", "name either conversationId or receiverId")
