"""Requests and answers about messages in the server API."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.answer_base import Answer
from app.core.commands import MAX_ATTACHMENTS, Attachment, ExternalId, Id, MessageKind, SendMessage, Uuid, check_text
from app.core.errors import Invalid
from app.core.message_answers import Reaction, ReceivedMessage
from app.core.metadata import Metadata

MAX_BATCH = 500
SYSTEM = "system"


class HostSend(Struct, rename="camel", frozen=True):
    """A text is an external id, a number is Parley's id. Either ``conversation`` or, with ``sender``, ``recipient``.

    Without ``sender`` it is a system message. null means absent, for every field except ``message``.
    """

    message: str = ""
    conversation: ExternalId | Id | None = None
    recipient: ExternalId | Id | None = None
    sender: ExternalId | Id | None = None
    id: Uuid | None = None
    kind: MessageKind | None = None
    attachments: Annotated[list[Attachment], Meta(max_length=MAX_ATTACHMENTS)] | None = []
    reply_to: Uuid | None = None
    metadata: Metadata | None = None
    silent: Annotated[bool, Meta(description="No device is notified")] | None = None

    def checked(self, max_text: int) -> SendMessage:
        """Returns the message without its place and sender. Raises Invalid, TooLarge."""
        if (self.conversation is None) == (self.recipient is None):
            raise Invalid.field("conversation", "give exactly one of conversation and recipient")
        if self.sender is None and self.recipient is not None:
            raise Invalid.field("sender", "is required with recipient")
        if self.sender is None and self.kind not in (None, SYSTEM):
            raise Invalid.field("kind", "a message without a sender must have the kind system")
        command = SendMessage(
            message=self.message,
            id=self.id,
            conversation_id=1,  # the real one is not known yet
            kind="text" if self.sender is None else self.kind,
            attachments=self.attachments,
            reply_to=self.reply_to,
            metadata=self.metadata,
        )
        check_text(command, max_text)
        return command


# Any JSON, so that a message of a wrong type is refused like any other invalid message.
_Item = Annotated[Any, Meta(extra_json_schema={"type": "object"})]


class HostBatch(Struct, frozen=True):
    """Each message is a body of ``POST /messages``. An invalid message does not stop the others."""

    messages: Annotated[list[_Item], Meta(max_length=MAX_BATCH)]


class BatchResults(Answer, frozen=True, kw_only=True):
    """In the order of the messages."""

    results: Annotated[list[dict[str, Any]], Meta(description="An Ack, or a Problem")]


class HostEdit(Struct, frozen=True):
    """At least one of the two. null removes the metadata."""

    message: str | UnsetType = UNSET
    metadata: Metadata | UnsetType | None = UNSET


class MessageForHost(ReceivedMessage, frozen=True, kw_only=True):
    """A message as the host's server sees it."""

    reactions: list[Reaction]


class HostHistory(Answer, frozen=True, kw_only=True):
    """Ascending by seq. ``hasMore`` refers to the requested direction."""

    messages: list[MessageForHost]
    has_more: bool
