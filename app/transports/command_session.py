"""The interfaces of commands: the session that answers them, and the services that carry them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.core.caller import Caller
from app.core.errors import ParleyError
from app.services.messaging.append_stream import StreamAppender
from app.services.messaging.change_message import MessageEditor
from app.services.messaging.move_mark import MarkMover
from app.services.messaging.send_event import EventSender
from app.services.messaging.send_message import MessageSender
from app.services.messaging.show_typing import TypingNotifier
from app.services.messaging.submit_change import ChangeSubmitter
from app.services.reading.presence import PresenceReader
from app.transports.connection_protocol import PauseReason
from app.transports.session import Session


class CommandSession(Session):
    """A session whose client sends commands."""

    __slots__ = ()

    @property
    def handshake_caller(self) -> Caller | None:
        """The caller that the handshake authenticated, until the session joins."""
        raise NotImplementedError

    def pause(self, reason: PauseReason) -> None:
        """Stops reading commands."""
        raise NotImplementedError

    def resume(self, reason: PauseReason) -> None:
        raise NotImplementedError

    def send_close(self, code: int, reason: str = "") -> None:
        """Ends the session with a close frame, without an ``error`` event."""
        raise NotImplementedError

    def when_drained(self, act: Callable[[], None]) -> None:
        """Calls ``act`` once, when everything is written to the connection."""
        raise NotImplementedError

    def answer(self, name: str, data: Any, ref: str | None) -> None:
        raise NotImplementedError

    def answer_joined(self, data: dict[str, Any], ref: str | None) -> None:
        raise NotImplementedError

    def refuse(self, error: ParleyError, ref: str | None) -> None:
        raise NotImplementedError

    def bad_frame(self, error: ParleyError, ref: str | None) -> None:
        """Refuses a frame that is not a valid command. Too many in a row end the session."""
        raise NotImplementedError

    def good_frame(self) -> None:
        raise NotImplementedError


class CommandServices:
    """The services that commands call; one object per process. ``strict``: commands with unknown fields are refused."""

    __slots__ = (
        "changes",
        "editor",
        "events",
        "fetch_unread",
        "marks",
        "presence",
        "sender",
        "streams",
        "strict",
        "typing",
        "verify_token",
    )

    def __init__(
        self,
        *,
        sender: MessageSender,
        editor: MessageEditor,
        changes: ChangeSubmitter,
        marks: MarkMover,
        typing: TypingNotifier,
        events: EventSender,
        streams: StreamAppender,
        presence: PresenceReader,
        fetch_unread: Callable[[int, int | None, int], dict[str, Any]],
        verify_token: Callable[[str], Caller],
        strict: bool = False,
    ) -> None:
        self.sender = sender
        self.editor = editor
        self.changes = changes
        self.marks = marks
        self.typing = typing
        self.events = events
        self.streams = streams
        self.presence = presence
        self.fetch_unread = fetch_unread
        self.verify_token = verify_token
        self.strict = strict
