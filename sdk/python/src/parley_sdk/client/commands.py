"""The commands that a bot needs most. ``ParleyClient.command`` sends all others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from parley_sdk.calls import UNSET, Unset, present
from parley_sdk.errors import Stopped
from parley_sdk.ids import chosen_or_new
from parley_sdk.models import Ack, Json
from parley_sdk.server.streams import AsyncStreamWriter


class CommandCalls(ABC):
    """Methods for commands, over one that sends any of them."""

    @abstractmethod
    async def command(self, event: str, data: Json) -> Json: ...

    async def send(
        self,
        message: str,
        *,
        conversation_id: int | Unset = UNSET,
        receiver_id: int | str | Unset = UNSET,
        id: str | Unset = UNSET,
        kind: str | Unset = UNSET,
        metadata: Json | Unset = UNSET,
        attachments: Sequence[Json] | Unset = UNSET,
        reply_to: str | Unset = UNSET,
    ) -> Ack:
        """Sends a message and returns when it is stored, also if the connection is lost in between."""
        data = present(
            conversation_id=conversation_id,
            receiver_id=receiver_id,
            message=message,
            id=chosen_or_new(id),
            kind=kind,
            metadata=metadata,
            attachments=attachments,
            reply_to=reply_to,
        )
        ack: Ack = await self.command("send_message", data)  # type: ignore[assignment]
        return ack

    @asynccontextmanager
    async def stream(
        self,
        conversation_id: int,
        *,
        id: str | Unset = UNSET,
        kind: str | Unset = UNSET,
        metadata: Json | Unset = UNSET,
        reply_to: str | Unset = UNSET,
    ) -> AsyncIterator[AsyncStreamWriter]:
        """Sends a message that grows until the block ends, also if the block raises.

            async with client.stream(7) as stream:
                async for token in tokens:
                    await stream.write(token)

        ``write`` raises Stopped if a member has stopped the stream.
        """
        start = present(
            conversation_id=conversation_id,
            id=chosen_or_new(id),
            kind=kind,
            metadata=metadata,
            reply_to=reply_to,
        )
        stream = AsyncStreamWriter((await self.command("start_stream", start))["id"], self._append)
        try:
            yield stream
        finally:
            with suppress(Stopped):
                await self.command("end_stream", {"id": stream.id})

    async def _append(self, stream_id: str, start: int, text: str) -> None:
        await self.command("append_stream", {"id": stream_id, "from": start, "text": text})

    async def fetch_unread(self, *, conversation_id: int | Unset = UNSET, limit: int | Unset = UNSET) -> Json:
        """Returns ``{messages, hasMore}``: the oldest unread messages."""
        return await self.command("fetch_unread_messages", present(conversation_id=conversation_id, limit=limit))

    async def mark_read(self, conversation_id: int, seq: int) -> Json:
        """Marks all messages up to ``seq`` as read."""
        return await self.command("message_read", {"conversationId": conversation_id, "seq": seq})

    async def mark_delivered(self, conversation_id: int, seq: int) -> Json:
        """Marks all messages up to ``seq`` as delivered."""
        return await self.command("message_delivered", {"conversationId": conversation_id, "seq": seq})
