"""``ParleyClient``: one session that is opened again until it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, Literal, NoReturn, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from parley_sdk.client.commands import CommandCalls
from parley_sdk.client.inbox import Event, Inbox
from parley_sdk.client.pending import Command, PendingCommands, error_of
from parley_sdk.client.token import TokenSource, fetch_token, renewal_delay
from parley_sdk.errors import APIError, ConnectionFailed, Overloaded, ParleyError, RateLimited, Suspended, Unauthorized
from parley_sdk.models import Json
from parley_sdk.retry import Retry

log = logging.getLogger(__name__)

MAX_EVENTS = 1000
MAX_COMMANDS = 200  # below the server's limit of 256 unanswered commands
JOIN_SECONDS = 15.0
SHORT_SECONDS = 5.0  # a connection that lives shorter counts as failed
ONLY_ANSWERS = frozenset({"ack", "error", "unread_messages", "pong"})
# The client has a fault that a new connection does not mend: see docs/protocol.md of Parley.
FAULTS = frozenset({1002, 1003, 1007, 1008, 1009})
MAX_REFUSALS = 2  # of tokens in a row
SERVER_FAILED = 500


class _Ended(Exception):
    """The connection has ended, and a new one may help."""


class ParleyClient(CommandCalls):
    """Connects as one user over WebSocket; use it with ``async with`` and ``async for``.

    ``token`` returns an access token whenever one is needed, for example from ``users.issue_tokens``. With the
    ``cursor`` of an earlier client, the events since then come first. With ``ack="client"``, only your
    ``mark_delivered`` marks messages as delivered. ``options`` go to ``websockets.connect``.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource,
        *,
        cursor: str | None = None,
        device_id: str | None = None,
        ack: Literal["auto", "client"] = "auto",
        retry: Retry | None = None,
        max_events: int = MAX_EVENTS,
        **options: Any,
    ) -> None:
        self._url = _socket_url(url)
        self._token = token
        self._join = {"ack": ack, **({} if device_id is None else {"deviceId": device_id})}
        self._retry = retry or Retry(first_pause=0.5)
        self._options = {"compression": None, "max_size": None, "user_agent_header": "parley-sdk", **options}
        self._inbox = Inbox(max_events, cursor, self._reconnect)
        self._pending = PendingCommands(MAX_COMMANDS)
        self._sending = asyncio.Lock()
        self._socket: ClientConnection | None = None
        self._running: asyncio.Task[None] | None = None
        self._later: set[asyncio.Task[None]] = set()
        self._taken = cursor
        self._closed = False
        self._refusals = 0
        self._failures = 0
        self._since: float | None = None  # when this connection joined

    @property
    def cursor(self) -> str | None:
        """The cursor of the last event that you have handled. Keep it, and a later client goes on from there."""
        return self._taken

    # -- life --------------------

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session. Commands without an answer fail with ``ConnectionFailed``."""
        self._closed = True
        for task in [*self._later, *([self._running] if self._running else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._end(ConnectionFailed("The client was closed.", sent=True))

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yields events, over all connections, until the client is closed.

        Raises ``Unauthorized`` or ``Suspended`` if the user may not connect, ``Invalid`` if an option of the client is
        wrong, and ``ConnectionFailed`` if a new connection would not help for another reason.
        """
        while True:
            try:
                event = await self._inbox.take()
            except ConnectionFailed:
                if self._closed:
                    return
                raise
            yield event
            # The application is back, so it has handled this event.
            self._taken = event.cursor or self._taken

    # -- commands --------------------

    async def command(self, event: str, data: Json) -> Json:
        """Sends any command that has an answer, and returns the data of the answer. Raises APIError.

        The command is sent again after a lost connection, and after ``rate_limited`` and ``overloaded``.
        """
        if self._running is None or self._running.done():
            raise ConnectionFailed("The client is not open.", sent=False)
        command = Command(event, data)
        await self._pending.add(command)
        async with self._sending:
            await self._write(command.frame)
        return await command.answer

    async def typing(self, conversation_id: int, *, typing: bool = True) -> None:
        """Shows other members that the user is typing. Does nothing while there is no connection."""
        data = {"conversationId": conversation_id, "typing": typing}
        await self._write(json.dumps({"event": "typing", "data": data}))

    # -- connection --------------------

    async def _run(self) -> None:
        try:
            while True:
                await self._session()
                await asyncio.sleep(self._retry.backoff(self._count_failure()))
        except asyncio.CancelledError:
            raise
        except ParleyError as error:
            self._end(error)
        except BaseException as error:
            log.exception("the Parley client failed")
            self._end(error)

    def _count_failure(self) -> int:
        """Returns how many connections in a row were lost in their first seconds, with this one as the first."""
        lived = 0.0 if self._since is None else time.monotonic() - self._since
        self._since = None
        self._failures = 1 if lived >= SHORT_SECONDS else self._failures + 1
        return self._failures

    def _end(self, error: BaseException) -> None:
        self._pending.fail(error)
        self._inbox.end(error)

    async def _session(self) -> None:
        """Opens one connection and reads until it ends. Raises ParleyError if a new one would not help."""
        try:
            token = await self._fetch_token()
            headers = {"Authorization": f"Bearer {token}"}
            async with connect(self._url, additional_headers=headers, **self._options) as socket:
                await self._joined(socket)
                renewing = asyncio.create_task(self._renew(socket, token))
                try:
                    await self._read(socket)
                finally:
                    self._socket = None
                    renewing.cancel()
        except InvalidStatus as refused:
            self._check_status(refused.response.status_code, refused.response.body)
        except ConnectionClosed as closed:
            self._check_close(closed.rcvd.code if closed.rcvd is not None else None)
        except (_Ended, InvalidHandshake, OSError, TimeoutError) as error:
            log.info("no connection to Parley: %s: %s", type(error).__name__, error)

    async def _fetch_token(self) -> str:
        """Returns a token. A server that is down now, so that it issues none, may be up for the next connection."""
        try:
            return await fetch_token(self._token)
        except (ConnectionFailed, RateLimited, Overloaded) as error:
            raise _Ended(str(error)) from error

    async def _joined(self, socket: ClientConnection) -> None:
        """Joins, and sends the commands that have no answer yet."""
        data = {**self._join, **({} if self._inbox.cursor is None else {"cursor": self._inbox.cursor})}
        await socket.send(json.dumps({"event": "join", "data": data, "ref": "join"}))
        async with asyncio.timeout(JOIN_SECONDS):
            while (frame := json.loads(await socket.recv())).get("ref") != "join":
                self._take(frame)
        if frame["event"] == "error":
            _check_join(error_of(frame["data"]))
        self._inbox.connected()
        self._take(frame)
        self._since, self._refusals = time.monotonic(), 0
        async with self._sending:
            for command in self._pending:
                await socket.send(command.frame)
            self._socket = socket

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                self._take(json.loads(text))
        self._check_close(socket.close_code)

    def _take(self, frame: dict[str, Any]) -> None:
        event, data, ref = frame["event"], frame["data"], frame.get("ref")
        if ref is not None and (pause := self._pending.answer(ref, event, data)) is not None:
            self._repeat_later(ref, pause)
        if event == "error" and ref is None and data.get("code") == "suspended":
            raise error_of(data)
        if event not in ONLY_ANSWERS:
            self._inbox.put(Event(event, data, self._cursor_of(frame)))

    def _cursor_of(self, frame: dict[str, Any]) -> str | None:
        """Returns where to resume after this event. `joined` of a resumed session comes before the missed events."""
        is_start = frame["event"] == "resync" or (frame["event"] == "joined" and self._inbox.cursor is None)
        cursor: str | None = frame["data"]["cursor"] if is_start else frame.get("cursor")
        return cursor

    async def _renew(self, socket: ClientConnection, token: str) -> None:
        """Sends the next token in time, again and again."""
        while (delay := renewal_delay(token)) is not None:
            await asyncio.sleep(delay)
            try:
                token = await fetch_token(self._token)
                await socket.send(json.dumps({"event": "authenticate", "data": {"token": token}, "ref": "token"}))
            except ConnectionClosed:
                return
            except Exception:
                # The session lasts until the old token ends; the next connection tries again.
                log.exception("no new token for the session")
                return

    def _check_status(self, status: int, body: bytes | bytearray) -> None:
        if b'"suspended"' in body:
            raise error_of({"code": "suspended"})
        if status == 401:
            self._refused()
        elif status not in (408, 429) and status < 500:
            raise ConnectionFailed(f"{self._url} answered {status}.", sent=False)

    def _check_close(self, code: int | None) -> None:
        if code == 4401:
            self._refused()
        if code in FAULTS:
            raise ConnectionFailed(f"The server has closed the connection with {code}.", sent=True)

    def _refused(self) -> None:
        """A token was refused. The next one may be good, but not for ever."""
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            raise Unauthorized(401, {"code": "unauthorized", "detail": "The tokens were refused."})

    def _reconnect(self) -> None:
        if self._socket is not None:
            self._do_later(self._socket.close())

    def _repeat_later(self, ref: str, pause: float) -> None:
        async def repeat() -> None:
            await asyncio.sleep(pause)
            command = self._pending.get(ref)
            if command is not None:
                await self._write(command.frame)

        self._do_later(repeat())

    def _do_later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _write(self, frame: str) -> None:
        """Sends the frame if there is a connection. Otherwise the next one sends all commands without an answer."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(frame)


def _check_join(error: APIError) -> NoReturn:
    """Raises the error if the server will refuse every join with these options, and _Ended otherwise."""
    if isinstance(error, (Unauthorized, Suspended, RateLimited, Overloaded)) or error.status >= SERVER_FAILED:
        raise _Ended(str(error)) from error
    raise error


def _socket_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("http", "https"):
        raise ValueError(f"The address of Parley must begin with https://, not {url!r}.")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest.rstrip('/')}/ws"
