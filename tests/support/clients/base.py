"""Shared by the three clients: the list of events, waiting for an event, and sending by REST.

Every wait is for a condition with a deadline. A reader thread that sees the server break the protocol saves the finding
in ``failure``, and the next wait raises it.
"""

from __future__ import annotations

import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from tests.support.clients.rest import Account, Refused, RestClient
from tests.support.patience import PATIENCE

T = TypeVar("T")
Match = str | Callable[["Event"], bool]

__all__ = ["Event", "EventClient", "Refused"]


@dataclass(frozen=True, slots=True)
class Event:
    """One event or answer, as received."""

    name: str
    data: dict[str, Any]
    cursor: str | None = None
    ref: str | None = None


class EventClient(ABC):
    """One session. ``events`` holds all received events in order, over all connections of this client."""

    transport: ClassVar[str]

    def __init__(self, base_url: str, account: Account, *, device_id: str | None = None, ack: str | None = None):
        self.base_url = base_url
        self.account = account
        self.device_id = device_id
        self.ack = ack
        self.rest = RestClient(base_url, account.access_token)
        self.events: list[Event] = []
        self.joined: Event | None = None
        self.cursor: str | None = None
        self.failure: BaseException | None = None
        self.ended = False
        self.close_code: int | None = None
        self._taken: set[int] = set()
        self._changed = threading.Condition()

    # -- connecting --------------------

    @abstractmethod
    def join(self, cursor: str | None = None, timeout: float = PATIENCE) -> EventClient:
        """Connects, or resumes after ``cursor``, and returns self once the server has answered."""

    @abstractmethod
    def close(self) -> None:
        """Leaves as a well-behaved client does. Safe to call twice."""

    @abstractmethod
    def kill(self) -> None:
        """Disappears without a goodbye of any kind."""

    def reconnect(self, cursor: str | None = None, timeout: float = PATIENCE) -> EventClient:
        """Resumes after ``cursor``, or after the last received event."""
        self.kill()
        return self.join(cursor or self.cursor, timeout)

    def finish(self) -> None:
        """Closes the session and everything this client holds."""
        self.close()
        self.rest.close()

    # -- waiting --------------------

    def next_event(self, match: Match, timeout: float = PATIENCE) -> Event:
        """Returns the first new event that matches (a name or a predicate). Others stay for later calls."""
        return self.wait(lambda: self._take(match), timeout, f"event {match}")

    def next_message(self, message_id: str, timeout: float = PATIENCE) -> dict[str, Any]:
        return self.next_event(lambda e: e.name == "receive_message" and e.data["id"] == message_id, timeout).data

    def messages(self, conversation_id: int | None = None) -> list[dict[str, Any]]:
        """Returns the data of every ``receive_message`` so far, in order of arrival."""
        return [
            e.data
            for e in list(self.events)
            if e.name == "receive_message" and conversation_id in (None, e.data["conversationId"])
        ]

    def named(self, name: str) -> list[Event]:
        return [e for e in list(self.events) if e.name == name]

    def fence(self, timeout: float = PATIENCE) -> None:
        """Waits until this user has received everything published so far: sends a note to self and waits for it."""
        note = self.rest.send(receiver_id=self.account.user_id, message="fence", id=str(uuid.uuid4()))
        self.next_message(note["id"], timeout)

    def wait(self, find: Callable[[], T | None], timeout: float, what: str) -> T:
        """Returns the first value other than None from ``find``.

        Raises TimeoutError with the last events if there is none.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = find()
                if found is not None:
                    return found
                if self.failure is not None:
                    raise AssertionError(f"{self.transport}: the server broke the protocol") from self.failure
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{self._story()}: waited {timeout} s for {what}")
                self._changed.wait(left)

    def wait_closed(self, timeout: float = PATIENCE) -> int | None:
        """Waits until the connection has ended and returns the close code (None: no Close frame, or no WebSocket)."""
        self.wait(lambda: True if self.ended else None, timeout, "the end of the connection")
        return self.close_code

    def _take(self, match: Match) -> Event | None:
        for index, event in enumerate(self.events):
            if index not in self._taken and (event.name == match if isinstance(match, str) else match(event)):
                self._taken.add(index)
                return event
        return None

    def _story(self) -> str:
        tail = [(e.name, e.data) for e in self.events[-8:]]
        who = f"{self.transport} user {self.account.user_id}"
        return f"{who} (ended={self.ended}, code={self.close_code}) {tail}"

    # -- for the reader threads --------------------

    def _deliver(self, event: Event) -> None:
        with self._changed:
            if event.name == "resync":
                self.cursor = event.data["cursor"]
            elif event.cursor is not None:
                self.cursor = event.cursor
            self.events.append(event)
            self._changed.notify_all()

    def _fail(self, problem: BaseException) -> None:
        with self._changed:
            self.failure = problem
            self._changed.notify_all()

    def _end(self, code: int | None = None) -> None:
        with self._changed:
            self.ended, self.close_code = True, code
            self._changed.notify_all()

    # -- commands: over REST, unless a transport has its own way --------------------

    def send(self, message: str = "hello", **data: Any) -> dict[str, Any]:
        """Sends and waits for the ack. Takes the keywords of RestClient.send and raises Refused on an error."""
        return self.rest.send(message=message, **data)

    def fetch_unread(self, **data: Any) -> dict[str, Any]:
        """Returns ``{messages, hasMore}``. Keywords: ``conversation_id``, ``limit``."""
        return self.rest.fetch_unread(**data)

    def delivered(self, conversation_id: int, seq: int) -> dict[str, Any]:
        return self.rest.delivered(conversation_id, seq)

    def read(self, conversation_id: int, seq: int) -> dict[str, Any]:
        return self.rest.read(conversation_id, seq)

    def typing(self, typing: bool = True, **target: int) -> None:
        """Keywords: ``conversation_id`` or, if the transport has it, ``receiver_id``."""
        self.rest.typing(typing=typing, **target)

    def edit(self, id_: str, message: str, conversation_id: int | None = None, **more: str) -> dict[str, Any]:
        return self.rest.edit(id_, message, conversation_id, **more)

    def delete(self, id_: str, conversation_id: int | None = None, *, scope: str = "everyone") -> dict[str, Any]:
        return self.rest.delete(id_, conversation_id, scope=scope)

    def react(self, id_: str, emoji: str, conversation_id: int | None = None, *, on: bool = True) -> dict[str, Any]:
        return self.rest.react(id_, emoji, conversation_id, on=on)

    def pin(self, id_: str, conversation_id: int | None = None, *, on: bool = True) -> dict[str, Any]:
        return self.rest.pin(id_, conversation_id, on=on)

    def presence(self, user_ids: list[int], timeout: float = PATIENCE) -> dict[int, dict[str, Any]]:
        """Returns each user's presence by user id."""
        return self.rest.presence(user_ids)
