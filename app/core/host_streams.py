"""Requests about streams in the server API."""

from __future__ import annotations

from msgspec import Struct

from app.core.commands import ExternalId, Id, MessageKind, StreamedMessage, Uuid, check_text
from app.core.metadata import Metadata


class HostStream(Struct, rename="camel", frozen=True):
    """A text is an external id, a number is Parley's id. null means absent."""

    conversation: ExternalId | Id
    sender: ExternalId | Id
    id: Uuid | None = None
    kind: MessageKind | None = None
    reply_to: Uuid | None = None
    metadata: Metadata | None = None

    def as_message(self, id_: str, conversation_id: int) -> StreamedMessage:
        """Raises Invalid, TooLarge."""
        command = StreamedMessage(
            id=self.id or id_,
            conversation_id=conversation_id,
            kind=self.kind,
            reply_to=self.reply_to,
            metadata=self.metadata,
        )
        check_text(command)
        return command
