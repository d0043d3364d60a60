"""Checks by the host's policy whether the writer of a stream may go on. Each answer holds for some seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.coalescer import RunBlocking
from app.core.errors import Overloaded, ParleyError
from app.message_log.shards import Shards
from app.services.messaging.send_checks import CheckWrite
from app.services.messaging.stream_queue import conversation_of_stream

HOLDS_SECONDS = 5.0
MAX_KNOWN = 10_000

GoOn = Callable[[ParleyError | None], None]
Stream = tuple[int, str]  # the writer, and the id of the message


class AppendChecks:
    """Not thread-safe; never blocks. Texts of one stream that wait for an answer go on in their order."""

    def __init__(self, *, check_write: CheckWrite, shards: Shards, run_blocking: RunBlocking) -> None:
        self._check_write = check_write
        self._shards = shards
        self._run_blocking = run_blocking
        self._known: dict[Stream, tuple[float, ParleyError | None]] = {}
        self._waiting: dict[Stream, list[GoOn]] = {}

    def check(self, user_id: int, message_id: str, go_on: GoOn) -> None:
        """Calls ``go_on(None)`` if the writer may add text, or ``go_on(error)``."""
        stream = user_id, message_id
        until, error = self._known.get(stream, (0.0, None))
        if stream in self._waiting:
            self._waiting[stream].append(go_on)
        elif time.monotonic() < until:
            go_on(error)
        else:
            self._waiting[stream] = [go_on]
            self._run_blocking(lambda: self._ask(stream))

    def _ask(self, stream: Stream) -> None:
        error: ParleyError | None = None
        try:
            # None: no such stream is open, so the append is refused anyway
            conversation_id = conversation_of_stream(self._shards, stream[1])
            if conversation_id is not None:
                self._check_write(stream[0], conversation_id)
        except ParleyError as refused:
            error = refused
        finally:
            waiting = self._waiting.pop(stream)
        if not isinstance(error, Overloaded):
            self._remember(stream, error)
        for go_on in waiting:
            go_on(error)

    def _remember(self, stream: Stream, error: ParleyError | None) -> None:
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[stream] = time.monotonic() + HOLDS_SECONDS, error
