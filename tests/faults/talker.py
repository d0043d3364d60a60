"""One chattering user: sends, records every ack, reconnects with jitter, resumes, and repeats sends without an ack.

Each connection uses another transport, chosen by chance: a cursor of one resumes on the others.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.faults.changes import EMOJIS, Changes
from tests.faults.deliveries import Deliveries
from tests.faults.notes import Notes
from tests.faults.streaming import VERBS, Streams
from tests.faults.wires import BROKEN, WIRES, Wire
from tests.support.clients import Account
from tests.support.clients.base import Event

SEND_AGAIN_SECONDS = 3.0
SHARES = {"ws": 0.7, "sse": 0.15, "poll": 0.15}  # of the transports among the connections
STREAM_EVERY = 8  # one of eight talkers writes streams
Note = Callable[..., None]


class Talker:
    """Runs in the crowd's event loop. Counters may be read from other threads."""

    def __init__(
        self,
        account: Account,
        peer: Account,
        urls: list[str],
        note: Note,
        seed: int,
        pace: float,
        reads: bool,
        deliveries: Deliveries,
        number: int,
    ) -> None:
        self.account, self.peer, self.urls = account, peer, urls
        self.random = random.Random(seed)
        self.pace = pace
        self.groups: list[int] = []
        self.may_leave = self._joined = False
        self.changes = Changes(EMOJIS[number % len(EMOJIS)], random.Random(seed + 1), self.note, reads)
        self.streams = Streams(random.Random(seed + 2), self.note, self._new_message)
        self._writes_streams = number % STREAM_EVERY == 1
        self.deliveries = deliveries
        self.pending: dict[str, tuple[str, float]] = {}
        self._target: dict[str, dict[str, Any]] = {}
        self.cursor: str | None = None
        self.worst_refusal = 0.0  # seconds from a command on a WebSocket to an error
        self._asked: dict[str, float] = {}
        self.acked = self.received = self.connections = self.resyncs = 0
        self.close_codes: list[int] = []
        self.complaints: list[str] = []
        self.talking = True
        self.over = False
        self.must_fetch = False
        self._note = note
        self.notes = Notes(account.user_id, self.note)
        self._wire: Wire | None = None
        self._url = ""
        self._back_at = self._fetched_at = 0.0
        self._number = 0
        self._wake = asyncio.Event()

    def note(self, what: str, **more: Any) -> None:
        self._note(user=self.account.user_id, what=what, **more)

    # -- life ------------------------------------------------

    async def run(self) -> None:
        while not self.over:
            try:
                await self._connection()
            except BROKEN as error:
                self.note("closed", why=repr(error)[:200])
            if not self.over:
                await self._pause(self.random.uniform(0.02, 0.4))

    async def _pause(self, seconds: float) -> None:
        """Waits this long, or until woken."""
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def hang_up(self) -> None:
        """Ends the connection; ``run`` opens the next one."""
        if self._wire is not None:
            await self._wire.hang_up()

    def drop(self) -> None:
        """Cuts the connection. Must be called in the loop's thread."""
        if self._wire is not None:
            self._wire.drop()

    async def _connection(self) -> None:
        url = self.random.choice(self.urls)
        [transport] = self.random.choices(list(SHARES), list(SHARES.values()))
        self._joined = False
        async with WIRES[transport](url, self.account.access_token, self.cursor) as wire:
            self._wire, self._url = wire, url
            self._asked.clear()
            self.note("connected", url=url, transport=transport, cursor=self.cursor)
            writer = asyncio.ensure_future(self._write())
            try:
                async for event in wire.frames():
                    await self._take(event)
            finally:
                self._wire = None
                if wire.close_code is not None:
                    self.close_codes.append(wire.close_code)
                writer.cancel()

    async def _take(self, event: Event) -> None:
        asked = self._asked.pop(event.ref or "", None)
        if asked is not None and event.name == "error":
            self.worst_refusal = max(self.worst_refusal, time.monotonic() - asked)
        handler = getattr(self, f"_on_{event.name}", None)
        if handler is not None:
            await handler(event.data, event.ref)
        else:
            self.notes.event(event)
        if event.cursor:
            self.cursor = event.cursor

    async def _command(self, event: str, data: dict[str, Any], ref: str | None = None) -> None:
        if self._wire is not None:
            if ref is not None and not self._wire.over_rest:
                self._asked.setdefault(ref, time.monotonic())
            await self._wire.command(event, data, ref)

    # -- sending ---------------------------------------------

    async def _write(self) -> None:
        try:
            for id_ in list(self.pending):
                await self._send(id_)
            await self._send_changes(0.0)
            while True:
                await self._pause(self.random.uniform(0.5, 1.5) * self.pace)
                await self._send_overdue()
                if self.talking and len(self.pending) < 50:
                    await self._send_new()
        except BROKEN:
            return  # the reader reports it

    async def _send_overdue(self) -> None:
        now = time.monotonic()
        if now < self._back_at:
            return
        if self.must_fetch and now - self._fetched_at > SEND_AGAIN_SECONDS:
            await self._fetch()
        for id_, (_, sent_at) in list(self.pending.items()):
            if now - sent_at > SEND_AGAIN_SECONDS:
                await self._send(id_)
        if self._writes_streams and (self.talking or self.streams.open):
            self.streams.tick(self.talking)
        await self._send_changes(SEND_AGAIN_SECONDS)

    async def _send_changes(self, after: float) -> None:
        for ref, change in [*self.changes.due(after), *self.streams.due(after)]:
            await self._command(change.command, change.data, ref)

    def on_websocket(self, url: str) -> bool:
        """Returns whether the talker has joined there by WebSocket."""
        wire = self._wire
        return self._joined and wire is not None and not wire.over_rest and self._url == url

    @property
    def waits(self) -> bool:
        """Returns whether anything has no ack yet."""
        return bool(self.pending or self.changes.pending or self.streams.open)

    async def _send_new(self) -> None:
        id_, target = self._new_message()
        self._queue(id_, target)
        self.deliveries.sent(id_)
        await self._send(id_)

    def _new_message(self) -> tuple[str, dict[str, Any]]:
        version_7 = int(time.time() * 1000) << 80 | 0x7 << 76 | 2 << 62 | self.random.getrandbits(62)
        return str(uuid.UUID(int=version_7)), self._choose_target()

    def share(self, media_id: str, conversation_id: int) -> None:
        """Queues a message with this medium. It leaves with the next one."""
        id_, _ = self._new_message()
        self.note("shared", id=id_, mediaId=media_id)
        self._queue(id_, {"conversationId": conversation_id, "attachments": [{"mediaId": media_id}]})

    def _queue(self, id_: str, target: dict[str, Any]) -> None:
        self._number += 1
        body = f"{self.account.user_id}#{self._number}"
        self.pending[id_], self._target[id_] = (body, 0.0), target
        self.note("sent", id=id_, body=body)

    def _choose_target(self) -> dict[str, Any]:
        """Mostly chooses the peer. A talker in groups sends a third of its messages to one of the groups."""
        if self.groups and self.random.random() < 1 / 3:
            return {"conversationId": self.random.choice(self.groups)}
        return {"receiverId": self.peer.user_id}

    async def _send(self, id_: str) -> None:
        if id_ not in self.pending:
            return
        body, _ = self.pending[id_]
        self.pending[id_] = (body, time.monotonic())
        await self._command("send_message", {"id": id_, **self._target[id_], "message": body}, id_)

    # -- receiving -------------------------------------------

    async def _on_joined(self, data: dict[str, Any], _ref: str | None) -> None:
        self._joined = True
        if self.cursor is None:  # a first join replays nothing, so earlier messages are only in the unread list
            self.cursor, self.must_fetch = data["cursor"], True
        if self.must_fetch:
            await self._fetch()
        self.connections += 1

    async def _on_ack(self, data: dict[str, Any], ref: str | None) -> None:
        if ref is not None and " " in ref:
            self._acts(ref).acked(ref, data)
        elif "id" in data:
            over_rest = {"overRest": True} if self._wire is not None and self._wire.over_rest else {}
            self.note("acked", id=data["id"], conversationId=data["conversationId"], seq=data["seq"], **over_rest)
            if data["id"] != ref:
                self.complaints.append(f"the ack of {ref} names {data['id']}")
            sent = self.pending.pop(data["id"], None)
            if sent is not None:
                del self._target[data["id"]]
                self.acked += 1
                self.changes.sent(data["id"], data["conversationId"], sent[0])

    def _acts(self, ref: str) -> Changes | Streams:
        """Returns the kind of act that has this ref."""
        return self.streams if ref.partition(" ")[0] in VERBS else self.changes

    async def _on_receive_message(self, data: dict[str, Any], _ref: str | None) -> None:
        self.notes.message("received", data)
        if self.account.user_id != data["senderId"]:
            self.received += 1
            if data["kind"] != "system":
                self.deliveries.received(data["id"], self.account.user_id)
                self.changes.received(data)

    async def _on_conversation_updated(self, data: dict[str, Any], _ref: str | None) -> None:
        if data.get("left") is True:
            self.note("left", conversationId=data["id"])
            self.groups = [group for group in self.groups if group != data["id"]]

    async def _on_resync(self, data: dict[str, Any], _ref: str | None) -> None:
        self.resyncs += 1
        self.cursor = data["cursor"]
        self.must_fetch = True
        self.note("resync")
        await self._fetch()

    async def _fetch(self) -> None:
        self._fetched_at = time.monotonic()
        await self._command("fetch_unread_messages", {"limit": 1000}, "unread")

    async def _on_unread_messages(self, data: dict[str, Any], _ref: str | None) -> None:
        self.must_fetch = False
        for message in data["messages"]:
            self.notes.message("fetched", message)

    async def _on_error(self, data: dict[str, Any], ref: str | None) -> None:
        self.note("refused", code=data["code"], ref=ref)
        if data["code"] in {"overloaded", "rate_limited"}:
            self._back_at = time.monotonic() + float(data.get("retryAfter", 1))
            self._repeat(ref)
            if ref == "join":
                await self.hang_up()
        elif data["code"] == "unauthorized" and not self._joined:
            return  # the join was refused, and with it everything after it
        elif ref is not None and self._explained(data, ref):
            return
        elif data["code"] != "internal":
            self.complaints.append(f"{ref}: {data}")

    def _repeat(self, ref: str | None) -> None:
        """Lets a refused send or change be repeated as soon as the server allows it."""
        if ref in self.pending:
            self.pending[ref] = (self.pending[ref][0], 0.0)
        for acts in (self.changes, self.streams):
            if ref in acts.pending:
                acts.pending[ref].sent_at = 0.0

    def _explained(self, error: dict[str, Any], ref: str) -> bool:
        """Drops a change of a lost message, or a message to a group that this talker has left."""
        if " " in ref and self._acts(ref).refused(ref, error):
            return True
        if error["code"] != "not_found" or not self.may_leave:
            return False
        if "conversationId" in self._target.get(ref, {}):
            del self._target[ref], self.pending[ref]
        return ref not in self.pending  # also if this answers a repetition of a send that was answered already
