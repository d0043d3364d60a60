"""Streams: messages that grow while you write them, for example the answer of a language model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from parley_sdk.calls import UNSET, AsyncCaller, Call, SyncCaller, Unset, operation, present
from parley_sdk.errors import Stopped
from parley_sdk.ids import chosen_or_new
from parley_sdk.models import Ack, Json, StreamStarted

STREAM = "/streams/{id}"


class StreamOperations:
    @operation("POST", "/streams")
    def start(
        self,
        conversation: str | int,
        sender: str | int,
        *,
        id: str | Unset = UNSET,
        kind: str | Unset = UNSET,
        reply_to: str | Unset = UNSET,
        metadata: Json | Unset = UNSET,
    ) -> Call[StreamStarted]:
        """Starts a message without text. ``open`` is simpler: it counts the characters."""
        body = present(
            conversation=conversation,
            sender=sender,
            id=chosen_or_new(id),
            kind=kind,
            reply_to=reply_to,
            metadata=metadata,
        )
        return Call(body=body)

    @operation("POST", f"{STREAM}/append")
    def append(self, stream_id: str, start: int, text: str) -> Call[None]:
        """Adds text after the first ``start`` characters. A repeated call does nothing.

        Raises Conflict if ``start`` is beyond the text so far, Stopped if a member has stopped the stream.
        """
        return Call(stream_id, body={"from": start, "text": text})

    @operation("POST", f"{STREAM}/end")
    def end(self, stream_id: str, *, message: str | Unset = UNSET) -> Call[Ack]:
        """Ends the stream with the text so far, or with ``message`` in its place."""
        return Call(stream_id, body=present(message=message))


class Streams(StreamOperations, SyncCaller):
    """The streams of a ``ParleyServer``."""

    @contextmanager
    def open(self, conversation: str | int, sender: str | int, **options: Any) -> Iterator[StreamWriter]:
        """Starts a stream that ends with the block, also if the block raises. Takes the options of ``start``.

            with parley.streams.open("order-1", "helper") as stream:
                for token in tokens:
                    stream.write(token)

        ``write`` raises Stopped if a member has stopped the stream.
        """
        stream = StreamWriter(self.start(conversation, sender, **options)["id"], self.append)
        try:
            yield stream
        finally:
            with suppress(Stopped):
                self.end(stream.id)


class AsyncStreams(StreamOperations, AsyncCaller):
    """The streams of an ``AsyncParleyServer``."""

    @asynccontextmanager
    async def open(
        self, conversation: str | int, sender: str | int, **options: Any
    ) -> AsyncIterator[AsyncStreamWriter]:
        """Starts a stream that ends with the block: see ``Streams.open``. Await ``write``."""
        stream = AsyncStreamWriter((await self.start(conversation, sender, **options))["id"], self.append)
        try:
            yield stream
        finally:
            with suppress(Stopped):
                await self.end(stream.id)


class StreamWriter:
    """An open stream. ``length`` is the number of characters so far."""

    def __init__(self, stream_id: str, append: Callable[[str, int, str], object]) -> None:
        self.id = stream_id
        self.length = 0
        self._append = append

    def write(self, text: str) -> None:
        self._append(self.id, self.length, text)
        self.length += len(text)


class AsyncStreamWriter:
    """An open stream of an asynchronous client. ``length`` is the number of characters so far."""

    def __init__(self, stream_id: str, append: Callable[[str, int, str], Awaitable[object]]) -> None:
        self.id = stream_id
        self.length = 0
        self._append = append

    async def write(self, text: str) -> None:
        await self._append(self.id, self.length, text)
        self.length += len(text)
