"""The types of commands.

They validate WebSocket frames and REST bodies, and the OpenAPI and AsyncAPI documents are generated from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from app.core.errors import Invalid, TooLarge
from app.core.ids import UUID_PATTERN
from app.core.metadata import Metadata, check_metadata

MAX_SAFE_INTEGER = 2**53 - 1
MAX_TEXT = 8000
MAX_REF = 128
MAX_ATTACHMENTS = 20
MAX_WATCHED = 1000  # of one command
MAX_FRAME_BYTES = 64 * 1024

Id = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
MAX_EXTERNAL_ID = 128
ExternalId = Annotated[
    str, Meta(min_length=1, max_length=MAX_EXTERNAL_ID, description="The host's own id: 1 to 128 printable characters")
]
UserRef = Id | ExternalId  # a string is the host's id of a user, a number is Parley's
Seq = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
Ref = Annotated[str, Meta(max_length=MAX_REF)]
Emoji = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[^\s\x00-\x1f\x7f]+\Z")]
_WORD = r"^[a-z][a-z0-9_]{0,31}\Z"
MessageKind = Annotated[str, Meta(pattern=_WORD)]
EventType = Annotated[str, Meta(pattern=_WORD, description="A word of your application")]
Time = Annotated[str, Meta(min_length=10, max_length=40)]  # RFC 3339
DeviceId = Annotated[str, Meta(min_length=1, max_length=128)]


class Command(Struct, rename="camel", frozen=True, forbid_unknown_fields=True):
    """Base of all commands. A command with unknown fields is decoded again without them (app/core/unknown_fields.py),
    so that newer clients work with older servers.
    """


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
    receiver_id: Id | ExternalId | None = None
    conversation_id: Id | None = None
    kind: MessageKind | None = "text"
    attachments: Annotated[list[Attachment], Meta(max_length=MAX_ATTACHMENTS)] | None = []
    reply_to: Uuid | None = None
    forward: Forward | None = None
    metadata: Metadata | None = None


class StreamedMessage(SendMessage, frozen=True):
    """A message that begins without text and grows until its stream ends."""


class StartStream(Command, frozen=True):
    """null means absent."""

    id: Uuid | None = None
    sender_id: Id | None = None
    receiver_id: Id | ExternalId | None = None
    conversation_id: Id | None = None
    kind: MessageKind | None = "text"
    reply_to: Uuid | None = None
    metadata: Metadata | None = None

    def as_message(self) -> StreamedMessage:
        return StreamedMessage(
            id=self.id,
            sender_id=self.sender_id,
            receiver_id=self.receiver_id,
            conversation_id=self.conversation_id,
            kind=self.kind,
            reply_to=self.reply_to,
            metadata=self.metadata,
        )


class AppendStream(Command, frozen=True):
    """``from``: the number of characters (Unicode code points) before ``text``. An empty text only keeps the stream
    open.
    """

    id: Uuid
    text: str
    from_: Seq = field(name="from")


class EndStream(Command, frozen=True):
    """``message`` replaces the text that was written; without it, that text stays."""

    id: Uuid
    message: str | None = None


class StopStream(Command, frozen=True):
    id: Uuid
    conversation_id: Id | None = None


class EditMessage(Command, frozen=True):
    """``conversation_id`` is needed if the user sees several messages with this id: it is unique per conversation.

    ``after`` is the ``editedAt`` of the text that this edit replaces, or ``sentAt`` if it was never edited. A later
    edit is not overwritten: ``conflict``. Without ``message``, the text stays. Without ``metadata``, the metadata
    stays; null removes it. At least one of the two is needed.
    """

    id: Uuid
    message: str | UnsetType = UNSET
    conversation_id: Id | None = None
    after: Time | None = None
    metadata: Metadata | UnsetType | None = UNSET


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


class SetDraft(Command, frozen=True):
    """The text that a user has begun to write, and the message that it answers. Without text and ``reply_to``, the
    draft is deleted.
    """

    conversation_id: Id
    message: str = ""
    reply_to: Uuid | None = None


class MarkUnread(Command, frozen=True):
    """Shows the conversation as unread on the user's own devices, even if it was read. No read mark moves."""

    conversation_id: Id
    on: bool


class ClearConversation(Command, frozen=True):
    """Removes the messages up to and including ``seq`` from the user's own view; without ``seq``, all messages.

    ``remove``: the conversation leaves the user's list until its next message. Only for direct conversations, because
    users leave groups instead.
    """

    conversation_id: Id
    seq: Seq | None = None
    remove: bool = False


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
    receiver_id: Id | ExternalId | None = None


class SendEvent(Command, frozen=True):
    """An event of your application for the other members who are online. ``data`` is any JSON of at most 4 KiB."""

    conversation_id: Id
    type: EventType
    data: Any = {}


class PresenceSubscribe(Command, frozen=True):
    user_ids: Annotated[list[UserRef], Meta(max_length=MAX_WATCHED)]


class Ping(Command, frozen=True):
    pass


class PollQuery(Struct, frozen=True):
    """``wait``: seconds after which the answer is empty."""

    cursor: str = ""
    wait: Annotated[float, Meta(ge=0, le=25)] = 25.0


def check_text(command: SendMessage, max_text: int = MAX_TEXT) -> None:
    """Checks the rules for a message that the types do not express. Raises Invalid or TooLarge."""
    check_length(command.message, max_text)
    if not (command.message or command.attachments or command.forward or isinstance(command, StreamedMessage)):
        raise Invalid.field("message", "neither text nor attachments")
    if command.kind == "system":
        raise Invalid.field("kind", "only the server sends system messages")
    if command.metadata:
        check_metadata(command.metadata)
    check_target(command.conversation_id, command.receiver_id)


def check_edit(command: EditMessage, max_text: int = MAX_TEXT) -> None:
    """Raises Invalid or TooLarge."""
    if isinstance(command.message, str):
        check_length(command.message, max_text)
    elif command.metadata is UNSET:
        raise Invalid.field("message", "is required")
    if command.metadata:
        check_metadata(command.metadata)


def check_length(text: str, max_text: int = MAX_TEXT) -> None:
    """Raises Invalid or TooLarge."""
    if len(text) > max_text:
        raise TooLarge(
            f"message: longer than {max_text} characters",
            errors=[{"field": "message", "message": f"longer than {max_text} characters"}],
        )
    if "\x00" in text:
        raise Invalid.field("message", "contains a NUL character")


def check_target(conversation_id: int | None, receiver_id: int | str | None) -> None:
    if (conversation_id is None) == (receiver_id is None):
        raise Invalid.field("conversationId", "name either conversationId or receiverId")
