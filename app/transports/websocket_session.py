"""WebSocket sessions: incoming frames become commands, events become frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from app.config import Settings
from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.commands import MAX_FRAME_BYTES
from app.core.errors import ParleyError, Unauthorized
from app.core.events import Event, answer_frame, make_event
from app.core.ws_codec import (
    OP_CLOSE,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    FrameDecoder,
    encode_close,
    encode_ping,
    encode_pong,
    parse_close,
)
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.transports.command_session import CommandServices, CommandSession
from app.transports.commands import Commands
from app.transports.connection import Connection
from app.transports.connection_protocol import Owner, PauseReason
from app.transports.held_frames import HeldFrames
from app.transports.queued_connection import QueuedConnection
from app.transports.sock_connection import SockConnection

BAD_FRAMES = 10  # in a row, then the session ends with 1008

OpenConnection = Callable[[Owner], Connection | QueuedConnection]


def _left_already() -> None:
    """Takes the place of ``leave_door`` in a session that has joined."""


class WebSocketSession(CommandSession):
    __slots__ = (
        "_bad_frames",
        "_closing",
        "_decoder",
        "_handshake_caller",
        "_held",
        "_leave_door",
        "_next_ping",
        "_opened",
        "_ping_sent",
        "_services",
        "_settings",
        "_when_drained",
        "commands",
        "connection",
    )

    transport = "websocket"

    def __init__(
        self,
        open_connection: OpenConnection,
        early: bytes,
        caller: Caller | None,
        *,
        leave_door: Callable[[], None] = _left_already,
        registry: SessionRegistry,
        streams: Streams,
        services: CommandServices,
        settings: Settings,
    ) -> None:
        super().__init__(registry, streams)
        now = time.monotonic()
        self._services = services
        self._settings = settings
        self._handshake_caller = caller
        self._leave_door = leave_door  # ends its time among those who have not joined (newcomers.py)
        self._opened = now
        self._next_ping = now + settings.ping_seconds
        self._ping_sent = 0.0
        self._closing = False
        self._bad_frames = 0
        self._when_drained: Callable[[], None] | None = None
        self._held: HeldFrames | None = None
        self._decoder = FrameDecoder(settings.early_frame_bytes, settings.extra_frames)
        self.commands: Commands | None = None
        self.connection = open_connection(self)
        registry.add(self)
        if early:
            self.received(early)

    @property
    def handshake_caller(self) -> Caller | None:
        return self._handshake_caller

    # --- events of the connection

    def received(self, data: bytes) -> None:
        for opcode, payload in self._decoder.feed(data):
            if opcode == OP_TEXT and self._held is None:
                self._take(payload)
            elif opcode == OP_PING:
                self.connection.send_control(encode_pong(payload))
            elif opcode == OP_PONG:
                self._ping_sent = 0.0
            else:
                self._take_in_order(opcode, payload)
            if self.closed or self._closing:
                return
        failure = self._decoder.failure
        if failure is not None:
            self.send_close(failure.code, failure.reason)

    def _take_in_order(self, opcode: int, payload: bytes) -> None:
        if self._held is not None:
            self._held.add(opcode, payload)
            if self._held.is_full:
                self.connection.pause_reading(PauseReason.FRAMES_HELD)
        else:
            self._act_on(opcode, payload)

    def _act_on(self, opcode: int, payload: bytes) -> None:
        if self.closed or self._closing:
            return
        if opcode == OP_TEXT:
            self._take(payload)
        elif opcode == OP_CLOSE:
            self._closed_by_peer(payload)
        else:
            self.send_close(CloseCode.UNSUPPORTED_DATA, "text only")

    def drained(self) -> None:
        self.written_out()
        if self._when_drained is not None:
            act, self._when_drained = self._when_drained, None
            act()

    def overflowed(self) -> None:
        self.registry.activity.count("slow_readers")
        self.send_close(CloseCode.TOO_SLOW, "reads too slowly", discard=True)

    # --- frames

    def _take(self, payload: bytes) -> None:
        if self.commands is None:
            self.commands = Commands(self, self._services)
        self.commands.take(payload)

    def bad_frame(self, error: ParleyError, ref: str | None) -> None:
        self.answer("error", error.as_data(), ref)
        self.registry.activity.count_error(error)
        self._bad_frames += 1
        if self._bad_frames >= BAD_FRAMES:
            self.send_close(CloseCode.POLICY_VIOLATION, "too many bad frames")

    def good_frame(self) -> None:
        self._bad_frames = 0

    def answer(self, name: str, data: Any, ref: str | None) -> None:
        frame = answer_frame(name, data, ref)
        waiting = self.waiting_for_reset()
        if waiting is None:
            self.connection.send(frame)
        else:
            waiting.append(partial(self.connection.send, frame))

    def answer_joined(self, data: dict[str, Any], ref: str | None) -> None:
        self._handshake_caller = None
        self._leave_door()
        self._leave_door = _left_already  # frees a closure of 0.3 KiB
        self._decoder.allow(MAX_FRAME_BYTES)
        self.connection.send(answer_frame("joined", data, ref))

    def refuse(self, error: ParleyError, ref: str | None) -> None:
        self.registry.activity.count_error(error)
        self.answer("error", error.as_data(), ref)

    def pause(self, reason: PauseReason) -> None:
        if self._held is None:
            self._held = HeldFrames()
        self._held.reasons |= reason

    def resume(self, reason: PauseReason) -> None:
        held = self._held
        if held is None or not held.reasons & reason:
            return
        held.reasons &= ~reason
        held.release(self._act_on)
        if held.is_over:
            self._held = None
        if not held.is_full:
            self.connection.resume_reading(PauseReason.FRAMES_HELD)

    def when_drained(self, act: Callable[[], None]) -> None:
        self.connection.leave_burst()
        self._when_drained = act

    # --- the session

    def offer(self, event: Event) -> None:
        """Does in one step what EventFlow's method does in four: it is called for each receiver of each event."""
        if self.catching_up or event.version <= self.position:
            super().offer(event)
            return
        self.position = event.version
        if event.seq:
            self.collect_delivered(event)
        self.connection.send(event.frame)

    def write(self, event: Event) -> None:
        self.connection.send(event.frame)

    def backlog(self) -> int:
        return self.connection.waiting

    def close(self, code: int, error: ParleyError | None = None) -> None:
        if error is not None:
            self.write(make_event("error", error.as_data()))
        self.send_close(code, error.title if error else "")

    def send_close(self, code: int, reason: str = "", *, discard: bool = False) -> None:
        """Ends the session with a close frame after the waiting data, or instead of it."""
        if self.closed or self._closing:
            return
        self._closing = True
        self.end_code = int(code)
        self.registry.activity.count_close(code)
        self.connection.close(encode_close(code, reason), discard=discard)
        self.detach()

    def on_closed(self) -> None:
        self._leave_door()
        super().on_closed()

    def _closed_by_peer(self, payload: bytes) -> None:
        code, _ = parse_close(payload)
        self.send_close(code if code != 1005 else CloseCode.NORMAL)

    def check(self, now: float, wall: float) -> None:
        self._decoder.extra_frames = self._settings.extra_frames
        if self.commands is not None:
            self.commands.refill()
        if self._closing:
            return
        if self.connection.stalled(now):
            self.overflowed()
        elif not self.joined and now - self._opened > self._settings.join_seconds:
            self._not_joined()
        elif self.joined and wall >= self.expires_at:
            self.close(CloseCode.UNAUTHORIZED, Unauthorized("The token has expired."))
        else:
            self._check_pulse(now)

    def _not_joined(self) -> None:
        code = CloseCode.NOT_JOINED if self._handshake_caller else CloseCode.UNAUTHORIZED
        self.close(code, Unauthorized("Not joined in time."))

    def _check_pulse(self, now: float) -> None:
        if self._ping_sent and self._held is not None and self._held.is_full:
            self._ping_sent = now  # the pong may be in the input that this session does not read yet
        if self._ping_sent and now - self._ping_sent > self._settings.ping_seconds:
            self.registry.activity.count("pings_unanswered")
            self.send_close(CloseCode.GOING_AWAY, "no pong", discard=True)
        elif now >= self._next_ping:
            self._next_ping = now + self._settings.ping_seconds
            if not self._ping_sent:
                self._ping_sent = now
                self.connection.send_control(encode_ping())


class ServedSession(WebSocketSession):
    """A session that flask-sock's Server carries. The Server decodes frames, sends pings and answers them."""

    __slots__ = ()

    def serve(self) -> None:
        """Takes the client's messages until the connection is over."""
        for message in cast(SockConnection, self.connection).messages():
            self._take_message(message)

    def _take_message(self, message: str | bytes) -> None:
        payload = message.encode() if isinstance(message, str) else message
        if payload is message:
            self.send_close(CloseCode.UNSUPPORTED_DATA, "text only")
        elif len(payload) > (MAX_FRAME_BYTES if self.joined else self._settings.early_frame_bytes):
            self.send_close(CloseCode.TOO_BIG, "frame too large")
        else:
            self._take(payload)

    def pause(self, reason: PauseReason) -> None:
        self.connection.pause_reading(reason)

    def resume(self, reason: PauseReason) -> None:
        self.connection.resume_reading(reason)

    def _check_pulse(self, _now: float) -> None:
        """Does nothing: the Server ends a session whose client answers no ping."""
