"""Messages of users and of your product. Each has an id, so sending one again never makes a second message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parley_sdk.calls import UNSET, AsyncCaller, Call, SyncCaller, Unset, listed, operation, present
from parley_sdk.ids import chosen_or_new, new_message_id
from parley_sdk.models import Ack, BatchResults, Json, MessageFields


class MessageOperations:
    @operation("POST", "/messages")
    def send(
        self,
        message: str,
        *,
        conversation: str | int | Unset = UNSET,
        recipient: str | int | Unset = UNSET,
        sender: str | int | Unset = UNSET,
        id: str | Unset = UNSET,
        kind: str | Unset = UNSET,
        metadata: Json | Unset = UNSET,
        attachments: Sequence[Json] | Unset = UNSET,
        reply_to: str | Unset = UNSET,
        silent: bool | Unset = UNSET,
    ) -> Call[Ack]:
        """Sends to a conversation, or to a recipient in the direct conversation with ``sender``.

        Without ``sender``, it is a system message. Without ``id``, a new one is made, which all attempts of this call
        share; choose the id yourself to repeat a call later.
        """
        body = present(
            conversation=conversation,
            recipient=recipient,
            sender=sender,
            message=message,
            id=chosen_or_new(id),
            kind=kind,
            metadata=metadata,
            attachments=listed(attachments),
            reply_to=reply_to,
            silent=silent,
        )
        return Call(body=body)

    @operation("POST", "/messages/batch")
    def send_many(self, messages: Sequence[MessageFields]) -> Call[BatchResults]:
        """Sends up to 500 messages. Each has a result of its own: an ack or a problem (see ``api_error``)."""
        with_ids: list[dict[str, Any]] = [{"id": new_message_id(), **message} for message in messages]
        return Call(body={"messages": with_ids})

    @operation("PATCH", "/messages/{messageId}")
    def edit(
        self,
        message_id: str,
        *,
        message: str | Unset = UNSET,
        metadata: Json | Unset | None = UNSET,
        conversation: str | None = None,
    ) -> Call[Ack]:
        """Changes the text, the metadata or both. ``conversation`` is needed if several have a message of this id."""
        body = present(message=message, metadata=metadata)
        return Call(message_id, body=body, query={"conversation": conversation})

    @operation("DELETE", "/messages/{messageId}")
    def delete(self, message_id: str, *, conversation: str | None = None) -> Call[Ack]:
        """Deletes the message for everybody. ``conversation`` is needed if several have a message of this id."""
        return Call(message_id, query={"conversation": conversation})


class Messages(MessageOperations, SyncCaller):
    """The messages of a ``ParleyServer``."""


class AsyncMessages(MessageOperations, AsyncCaller):
    """The messages of an ``AsyncParleyServer``."""
