"""The long-poll client: one request after another, each with the cursor of the last answer."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from tests.support.clients.base import Event, EventClient
from tests.support.clients.raw_ws import abort
from tests.support.clients.rest import PROBLEM, Account, Refused
from tests.support.patience import PATIENCE


class PollClient(EventClient):
    """``wait`` is the ``wait`` parameter of each request, in seconds (0–25)."""

    transport: ClassVar[str] = "poll"

    def __init__(self, base_url: str, account: Account, *, poll_wait: float = 10, **kwargs: Any):
        super().__init__(base_url, account, **kwargs)
        self.poll_wait = poll_wait
        self.polls = 0
        self._position: str | None = None
        self._generation = 0
        self._http: http.client.HTTPConnection | None = None
        self._sock: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def join(self, cursor: str | None = None, timeout: float = PATIENCE) -> PollClient:
        self.ended = False
        self._position = cursor
        start = len(self.events)
        if cursor is None:
            self._take_answer(self.poll(None, 0))
            joined = [e for e in self.events[start:] if e.name == "joined"]
            assert len(joined) == 1, f"the first poll gave {self.events[start:]}"
            self.joined = joined[0]
            self.cursor = self.cursor or self._position
        self._generation += 1
        self._thread = threading.Thread(target=self._loop, args=(self._generation,), name="poller", daemon=True)
        self._thread.start()
        return self

    def poll(self, cursor: str | None, wait: float, timeout: float = 40) -> dict[str, Any]:
        """Makes one request. Raises Refused on an error."""
        query = {"cursor": cursor, "wait": wait, "deviceId": self.device_id, "ack": self.ack}
        path = "/api/v1/events/poll?" + urlencode({k: v for k, v in query.items() if v is not None})
        parts = urlsplit(self.base_url)
        assert parts.hostname
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        try:
            connection.connect()
            self._http, self._sock = connection, connection.sock
            if self.ended:  # killed between two polls, so there was no connection to cut
                raise ConnectionAbortedError
            connection.request(
                "GET", parts.path + path, headers={"Authorization": f"Bearer {self.account.access_token}"}
            )
            response = connection.getresponse()
            status, kind, body = response.status, response.getheader("content-type") or "", response.read()
        finally:
            connection.close()
        if status != 200:
            assert kind.split(";")[0] == PROBLEM, (status, kind, body[:300])
            problem = json.loads(body)
            raise Refused(problem["code"], problem, status)
        answer: dict[str, Any] = json.loads(body)
        assert set(answer) == {"cursor", "events"}, answer
        return answer

    def _take_answer(self, answer: dict[str, Any]) -> None:
        for entry in answer["events"]:
            self._deliver(Event(entry["event"], entry["data"], entry.get("cursor")))
        self._position = answer["cursor"]
        with self._changed:
            self.cursor = answer["cursor"]
            self.polls += 1
            self._changed.notify_all()

    def _loop(self, generation: int) -> None:
        try:
            while generation == self._generation:
                answer = self.poll(self._position, self.poll_wait)
                if generation != self._generation:
                    return
                self._take_answer(answer)
        except (OSError, http.client.HTTPException, AttributeError):
            return  # cut by us or by the server: see `ended`
        except Refused as refused:
            self.refused = refused
        except (AssertionError, KeyError, ValueError) as problem:
            if generation == self._generation:
                self._fail(problem)
        finally:
            if generation == self._generation:
                self._end()

    def wait_polls(self, count: int = 1, timeout: float = PATIENCE) -> None:
        """Waits for ``count`` more answers."""
        target = self.polls + count
        self.wait(lambda: True if self.polls >= target else None, timeout, f"{count} more polls")

    def close(self) -> None:
        """Stops polling: long-poll has no goodbye."""
        self.kill()

    def kill(self) -> None:
        self._generation += 1
        self.ended = True
        if self._sock is not None:
            abort(self._sock)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        self._sock = self._thread = None
