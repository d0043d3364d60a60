"""One connection of a talker, over WebSocket, server-sent events or long-poll. All three yield the same frames."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Protocol

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults.rest_commands import answer_name, request_of
from tests.support.clients.base import Event
from tests.support.clients.sse import SseParser

POLL_SECONDS = 5
COMMANDS_AT_ONCE = 8
# The tasks that close the wires that were left. `all_closed` waits for them.
_closing: set[asyncio.Task[None]] = set()
BROKEN = (OSError, WebSocketException, TimeoutError, asyncio.IncompleteReadError, httpx.HTTPError)


class Wire(Protocol):
    """Entering connects and joins. ``frames`` raises one of BROKEN when the connection has ended. ``over_rest``: the
    answers come beside the events, so they may be earlier or later than the events before them.
    """

    over_rest: bool
    close_code: int | None

    async def __aenter__(self) -> Wire: ...
    async def __aexit__(self, *_: object) -> None: ...
    def frames(self) -> AsyncIterator[Event]: ...
    async def command(self, event: str, data: dict[str, Any], ref: str | None) -> None: ...
    async def hang_up(self) -> None: ...
    def drop(self) -> None: ...


class WebSocketWire:
    over_rest = False

    def __init__(self, url: str, token: str, cursor: str | None) -> None:
        self._cursor = cursor
        self._connecting = connect(
            url.replace("http", "ws", 1) + "/ws",
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=5,
            close_timeout=1,
        )
        self._socket: ClientConnection | None = None
        self.close_code: int | None = None

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    async def __aenter__(self) -> WebSocketWire:
        self._socket = await self._connecting.__aenter__()
        try:
            await self.command("join", {"cursor": self._cursor} if self._cursor else {}, "join")
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._connecting.__aexit__(kind, error, trace)
        finally:
            self.drop()  # the talker may have been cancelled while it closed

    async def frames(self) -> AsyncIterator[Event]:
        try:
            while True:  # not `async for`, which ends silently if the close code was 1000 or 1001
                frame = json.loads(await self.socket.recv())
                yield Event(frame["event"], frame["data"], frame.get("cursor"), frame.get("ref"))
        except ConnectionClosed as closed:
            self.close_code = closed.rcvd.code if closed.rcvd is not None else None
            raise

    async def command(self, event: str, data: dict[str, Any], ref: str | None) -> None:
        await self.socket.send(json.dumps({"event": event, "data": data, **({"ref": ref} if ref else {})}))

    async def hang_up(self) -> None:
        await self.socket.close()

    def drop(self) -> None:
        self.socket.transport.abort()


class RestWire:
    """Commands go over REST, and events come over a stream that ``_read`` reads.

    While a fetch is under way, events wait for its answer. Otherwise an answer that was read before an event could
    replace the newer state of the event. An event that is older than the answer does no harm, because the last event
    about a message comes last.
    """

    over_rest = True
    close_code = None

    def __init__(self, url: str, token: str, cursor: str | None) -> None:
        self.cursor = cursor
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        self.http = httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers=headers, verify=False, trust_env=False, timeout=httpx.Timeout(8)
        )
        self._frames: asyncio.Queue[Event | BaseException] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None]
        self._turns = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._under_way: set[str | None] = set()
        self._fetches = 0
        self._held: list[Event] = []

    async def __aenter__(self) -> RestWire:
        self._reader = self._begin(self._read_to_the_end())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        closing = asyncio.ensure_future(self._close())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)

    async def _close(self) -> None:
        """Closes when the commands under way have ended. A request that is cancelled while it connects may leave its
        socket open (anyio's ``connect_tcp``).
        """
        await asyncio.gather(self._reader, *self._tasks, return_exceptions=True)
        await self.http.aclose()

    def _begin(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _read_to_the_end(self) -> None:
        try:
            await self._read()
            self._frames.put_nowait(ConnectionError("the stream ended"))
        except Exception as error:  # noqa: BLE001 - the reader of the frames raises it
            self._frames.put_nowait(error)

    async def _read(self) -> None:
        raise NotImplementedError

    def arrived(self, frame: Event) -> None:
        if self._fetches:
            self._held.append(frame)
        else:
            self._frames.put_nowait(frame)

    async def frames(self) -> AsyncIterator[Event]:
        while True:
            item = await self._frames.get()
            if isinstance(item, BaseException):
                raise item
            yield item

    async def command(self, event: str, data: dict[str, Any], ref: str | None) -> None:
        if ref not in self._under_way:
            self._begin(self._request(event, data, ref))

    async def _request(self, event: str, data: dict[str, Any], ref: str | None) -> None:
        fetches = event == "fetch_unread_messages"
        self._under_way.add(ref)
        async with self._turns:
            self._fetches += fetches
            try:
                response = await self.http.request(**request_of(event, data))
                self._frames.put_nowait(Event(answer_name(event, response), body_of(response), ref=ref))
            except httpx.HTTPError:
                return  # the talker sends it again
            finally:
                self._under_way.discard(ref)
                self._fetches -= fetches
                while not self._fetches and self._held:
                    self._frames.put_nowait(self._held.pop(0))

    async def refused(self, response: httpx.Response) -> None:
        await response.aread()
        self._frames.put_nowait(Event("error", response.json()))
        raise ConnectionError(f"refused with {response.status_code}")

    async def hang_up(self) -> None:
        self.drop()

    def drop(self) -> None:
        self._frames.put_nowait(ConnectionError("cut by the client"))


class SseWire(RestWire):
    async def _read(self) -> None:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": self.cursor} if self.cursor else {})}
        timeout = httpx.Timeout(5, read=None)
        async with self.http.stream("GET", "/events", headers=headers, timeout=timeout) as response:
            if response.status_code != 200:
                await self.refused(response)
            parser = SseParser()
            async for chunk in response.aiter_raw():
                for event in parser.feed(chunk):
                    self.arrived(event)


class PollWire(RestWire):
    async def _read(self) -> None:
        joined = False
        while True:
            params: dict[str, Any] = {"wait": POLL_SECONDS if joined else 0}
            params |= {"cursor": self.cursor} if self.cursor else {}
            response = await self.http.get("/events/poll", params=params, timeout=POLL_SECONDS + 15)
            if response.status_code != 200:
                await self.refused(response)
            answer = response.json()
            events = [Event(one["event"], one["data"], one.get("cursor")) for one in answer["events"]]
            self.cursor = answer["cursor"]
            if not joined and not any(event.name == "joined" for event in events):
                self.arrived(Event("joined", {"cursor": self.cursor}))
            joined = True
            for event in events:
                self.arrived(event)
            self.arrived(Event("polled", {}, self.cursor))


async def all_closed() -> None:
    """Waits until the wires that were left have closed their sockets: as long as a request may take."""
    await asyncio.gather(*_closing)


WIRES: dict[str, Any] = {"ws": WebSocketWire, "sse": SseWire, "poll": PollWire}


def body_of(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json() if response.content else {}
    return body
