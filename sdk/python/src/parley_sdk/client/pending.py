"""Commands without an answer. They are sent again after each new connection, in their order."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

from parley_sdk.calls import encode
from parley_sdk.errors import BY_CODE, APIError, Overloaded, RateLimited, api_error

STATUS = {"unauthorized": 401, "forbidden": 403, "not_found": 404, "conflict": 409, "stopped": 409, "too_large": 413}
STATUS |= {"invalid": 422, "rejected": 422, "suspended": 403, "rate_limited": 429, "overloaded": 503}
_numbers = itertools.count(1)


@dataclass(eq=False)
class Command:
    """A command on its way. All commands of this client are safe to repeat: messages have ids, marks only move on."""

    event: str
    data: dict[str, Any]
    ref: str = field(default_factory=lambda: f"c{next(_numbers)}")
    answer: asyncio.Future[dict[str, Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    frame: str = field(init=False)

    def __post_init__(self) -> None:
        # A command that cannot be encoded fails here, for its caller, and not for the session that sends it again.
        self.frame = encode({"event": self.event, "data": self.data, "ref": self.ref}).decode()


class PendingCommands:
    """At most ``limit`` commands wait for their answers; further callers wait until one is answered."""

    def __init__(self, limit: int) -> None:
        self._room = asyncio.Semaphore(limit)
        self._commands: dict[str, Command] = {}

    async def add(self, command: Command) -> None:
        await self._room.acquire()
        self._commands[command.ref] = command
        command.answer.add_done_callback(lambda _: self._remove(command))

    def __iter__(self) -> Any:
        return iter(list(self._commands.values()))

    def answer(self, ref: str, event: str, data: dict[str, Any]) -> float | None:
        """Passes the answer to the caller of its command.

        Returns after how many seconds the command must be sent again, or None.
        """
        command = self._commands.get(ref)
        if command is None or command.answer.done():
            return None
        if event != "error":
            command.answer.set_result(data)
            return None
        error = error_of(data)
        if isinstance(error, RateLimited | Overloaded):
            return error.retry_after or 1.0
        command.answer.set_exception(error)
        return None

    def get(self, ref: str) -> Command | None:
        return self._commands.get(ref)

    def fail(self, error: BaseException) -> None:
        """Ends all of them."""
        for command in self:
            if not command.answer.done():
                command.answer.set_exception(error)

    def _remove(self, command: Command) -> None:
        if self._commands.pop(command.ref, None) is not None:
            self._room.release()


def error_of(data: dict[str, Any]) -> APIError:
    """Returns the exception for the data of an ``error`` event."""
    code = str(data.get("code"))
    return api_error(STATUS.get(code, 400 if code in BY_CODE else 500), data)
