"""One chattering user: sends, records every ack, reconnects with jitter, resumes, and repeats sends without an ack."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults.changes import EMOJIS, Changes
from tests.faults.deliveries import Deliveries
from tests.support.clients import Account

SEND_AGAIN_SECONDS = 3.0
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
        self.deliveries = deliveries
        self.pending: dict[str, tuple[str, float]] = {}
        self._target: dict[str, dict[str, int]] = {}
        self.cursor: str | None = None
        self.acked = self.received = self.connections = self.resyncs = 0
        self.close_codes: list[int] = []
        self.complaints: list[str] = []
        self.talking = True
        self.over = False
        self.must_fetch = False
        self._note = note
        self._socket: ClientConnection | None = None
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
            except (OSError, WebSocketException, TimeoutError, asyncio.IncompleteReadError) as error:
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

    def wake(self) -> None:
        """Must be called in the loop's thread."""
        self._wake.set()

    async def hang_up(self) -> None:
        """Ends the connection; ``run`` opens the next one."""
        if self._socket is not None:
            await self._socket.close()

    def drop(self) -> None:
        """Cuts the connection. Must be called in the loop's thread."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _connection(self) -> None:
        url = self.random.choice(self.urls).replace("http", "ws", 1) + "/ws"
        headers = {"Authorization": f"Bearer {self.account.access_token}"}
        async with connect(
            url,
            additional_headers=headers,
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=5,
            close_timeout=1,
        ) as socket:
            self._socket, self._joined = socket, False
            self.note("connected", url=url, cursor=self.cursor)
            await self._command("join", {"cursor": self.cursor} if self.cursor else {}, "join")
            writer = asyncio.ensure_future(self._write())
            try:
                await self._read(socket)
            except ConnectionClosed as closed:
                if closed.rcvd is not None:
                    self.close_codes.append(closed.rcvd.code)
                raise
            finally:
                self._socket = None
                writer.cancel()

    async def _command(self, event: str, data: dict[str, Any], ref: str | None = None) -> None:
        if self._socket is not None:
            frame = {"event": event, "data": data, **({"ref": ref} if ref else {})}
            await self._socket.send(json.dumps(frame))

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
        except ConnectionClosed:
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
        await self._send_changes(SEND_AGAIN_SECONDS)

    async def _send_changes(self, after: float) -> None:
        for ref, change in self.changes.due(after):
            await self._command(change.command, change.data, ref)

    async def _send_new(self) -> None:
        self._number += 1
        id_, body = str(uuid.UUID(int=self._uuid7())), f"{self.account.user_id}#{self._number}"
        self.pending[id_] = (body, 0.0)
        self._target[id_] = self._choose_target()
        self.note("sent", id=id_, body=body)
        self.deliveries.sent(id_)
        await self._send(id_)

    def _choose_target(self) -> dict[str, int]:
        """Chooses the peer mostly; a talker in groups sends a third of its messages to one of them."""
        if self.groups and self.random.random() < 1 / 3:
            return {"conversationId": self.random.choice(self.groups)}
        return {"receiverId": self.peer.user_id}

    def _uuid7(self) -> int:
        return int(time.time() * 1000) << 80 | 0x7 << 76 | 2 << 62 | self.random.getrandbits(62)

    async def _send(self, id_: str) -> None:
        if id_ not in self.pending:
            return
        body, _ = self.pending[id_]
        self.pending[id_] = (body, time.monotonic())
        await self._command("send_message", {"id": id_, **self._target[id_], "message": body}, id_)

    # -- receiving -------------------------------------------

    async def _read(self, socket: ClientConnection) -> None:
        while True:  # not `async for`, which ends silently if the close code was 1000 or 1001
            frame = json.loads(await socket.recv())
            handler = getattr(self, f"_on_{frame['event']}", None)
            if handler is not None:
                await handler(frame["data"], frame.get("ref"))
            if frame.get("cursor"):
                self.cursor = frame["cursor"]

    async def _on_joined(self, data: dict[str, Any], _ref: str | None) -> None:
        self._joined = True
        if self.cursor is None:  # a first join replays nothing, so earlier messages are only in the unread list
            self.cursor, self.must_fetch = data["cursor"], True
        if self.must_fetch:
            await self._fetch()
        self.connections += 1

    async def _on_ack(self, data: dict[str, Any], ref: str | None) -> None:
        if ref is not None and " " in ref:
            self.changes.acked(ref, data["status"])
        elif "id" in data:
            self.note("acked", id=data["id"], conversationId=data["conversationId"], seq=data["seq"])
            if data["id"] != ref:
                self.complaints.append(f"the ack of {ref} names {data['id']}")
            sent = self.pending.pop(data["id"], None)
            if sent is not None:
                del self._target[data["id"]]
                self.acked += 1
                self.changes.sent(data["id"], data["conversationId"], sent[0])

    async def _on_receive_message(self, data: dict[str, Any], _ref: str | None) -> None:
        self._note_message("received", data)
        if self.account.user_id != data["senderId"] and data["kind"] != "system":
            self.deliveries.received(data["id"], self.account.user_id)
            self.changes.received(data)

    def _note_message(self, what: str, data: dict[str, Any]) -> None:
        if what != "updated":
            self.received += 1
        more = {"body": data.get("message")}
        if "reactions" in data:
            more["reactions"] = [reaction["emoji"] for reaction in data["reactions"]]
        self.note(what, **{name: data[name] for name in ("id", "conversationId", "seq", "senderId")}, **more)

    async def _on_message_updated(self, data: dict[str, Any], _ref: str | None) -> None:
        self._note_message("updated", data)

    async def _on_reaction(self, data: dict[str, Any], _ref: str | None) -> None:
        self.note("reaction", **{name: data[name] for name in ("id", "conversationId", "userId", "emoji", "on")})

    async def _on_message_delivered(self, data: dict[str, Any], _ref: str | None) -> None:
        self._note_mark("message_delivered", data)

    async def _on_message_read(self, data: dict[str, Any], _ref: str | None) -> None:
        self._note_mark("message_read", data)

    def _note_mark(self, mark: str, data: dict[str, Any]) -> None:
        if data["userId"] != self.account.user_id:
            self.note("mark", mark=mark, **{name: data[name] for name in ("conversationId", "userId", "seq")})

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
            self._note_message("fetched", message)

    async def _on_error(self, data: dict[str, Any], ref: str | None) -> None:
        self.note("refused", code=data["code"], ref=ref)
        if data["code"] in {"overloaded", "rate_limited"}:
            self._back_at = time.monotonic() + float(data.get("retryAfter", 1))
            self._repeat(ref)
            if ref == "join":
                await self.hang_up()
        elif data["code"] == "unauthorized" and not self._joined:
            return  # the join was refused, and with it whatever followed
        elif data["code"] == "not_found" and ref is not None and self._gone(ref):
            return
        elif data["code"] != "internal":
            self.complaints.append(f"{ref}: {data}")

    def _repeat(self, ref: str | None) -> None:
        """Lets a refused send or change be repeated as soon as the server allows it."""
        if ref in self.pending:
            self.pending[ref] = (self.pending[ref][0], 0.0)
        elif ref in self.changes.pending:
            self.changes.pending[ref].sent_at = 0.0

    def _gone(self, ref: str) -> bool:
        """Drops a change of a lost message, or a message to a group that this talker has left."""
        if " " in ref:
            return self.changes.refused(ref)
        if not self.may_leave or "conversationId" not in self._target.get(ref, {}):
            return False
        del self._target[ref], self.pending[ref]
        return True
