"""The SSE client: parses to the letter of the HTML standard and fails on anything that the protocol does not allow."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from tests.support.clients.base import Event, EventClient
from tests.support.clients.raw_ws import abort
from tests.support.clients.rest import PROBLEM, Account, Refused
from tests.support.patience import PATIENCE


@dataclass(slots=True)
class SseParser:
    """Turns bytes into events. Keeps comments and retry time; raises ValueError for a line that is not a field."""

    comments: list[str] = field(default_factory=list)
    retry: int | None = None
    order: list[str] = field(default_factory=list)  # the field names in the order received, for tests of the format
    _rest: bytes = b""
    _fields: dict[str, str] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> list[Event]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [event for line in lines if (event := self._line(line.removesuffix(b"\r").decode())) is not None]

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            self.comments.append(line[1:].strip())
            self.order.append("comment")
            return None
        name, colon, value = line.partition(":")
        if not colon or name not in {"id", "event", "data", "retry"}:
            raise ValueError(f"not a field of an event stream: {line!r}")
        if name in self._fields:
            raise ValueError(f"two {name} fields in one event: {line!r}")
        self.order.append(name)
        if name == "retry":
            self.retry = int(value)
        else:
            self._fields[name] = value.removeprefix(" ")
        return None

    def _dispatch(self) -> Event | None:
        fields, self._fields = self._fields, {}
        if not fields:
            return None
        if set(fields) - {"id"} != {"event", "data"}:
            raise ValueError(f"an event needs a name and data: {fields}")
        return Event(fields["event"], json.loads(fields["data"]), fields.get("id"))


class SseClient(EventClient):
    """``resume_by`` selects how the cursor is sent: "header" (Last-Event-ID) or "query"."""

    transport: ClassVar[str] = "sse"

    def __init__(
        self,
        base_url: str,
        account: Account,
        *,
        resume_by: str = "header",
        credential: str = "header",
        **kw: Any,
    ):
        super().__init__(base_url, account, **kw)
        self.resume_by, self.credential = resume_by, credential
        self.extra_query = ""
        self.parser = SseParser()
        self.response_headers: dict[str, str] = {}
        self._http: http.client.HTTPConnection | None = None
        self._sock: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._generation = 0

    def join(self, cursor: str | None = None, timeout: float = PATIENCE) -> SseClient:
        start = len(self.events)
        self._open(cursor, timeout)
        self._generation += 1
        self.ended, self.parser = False, SseParser()
        self._thread = threading.Thread(target=self._read, args=(self._generation,), name="sse-reader", daemon=True)
        self._thread.start()
        self.joined = self.wait(
            lambda: next((e for e in self.events[start:] if e.name == "joined"), None), timeout, "joined"
        )
        if self.cursor is None:
            self.cursor = cursor or self.joined.data["cursor"]
        return self

    def _open(self, cursor: str | None, timeout: float) -> None:
        parts = urlsplit(self.base_url)
        headers, query = {"Accept": "text/event-stream"}, [self.extra_query] if self.extra_query else []
        if self.credential == "ticket":
            query.append(f"ticket={self.rest.ticket()}")
        else:
            headers["Authorization"] = f"Bearer {self.account.access_token}"
        if self.device_id is not None:
            query.append(f"deviceId={quote(self.device_id)}")
        if self.ack is not None:
            query.append(f"ack={self.ack}")
        if cursor is not None and self.resume_by == "query":
            query.append(f"cursor={quote(cursor)}")
        elif cursor is not None:
            headers["Last-Event-ID"] = cursor
        assert parts.hostname
        self._http = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self._http.request(
            "GET", parts.path + "/api/v1/events" + ("?" + "&".join(query) if query else ""), headers=headers
        )
        self._sock = self._http.sock
        self._response = self._http.getresponse()
        self.response_headers = {k.lower(): v for k, v in self._response.getheaders()}
        if self._response.status != 200:
            self._refused()
        if self._response.getheader("Content-Length") is not None:  # a stream has no length: it ended at once
            self._return_later()
        assert self._sock is not None
        self._sock.settimeout(None)

    def _refused(self) -> None:
        body = self._response.read()
        self._drop()
        assert self.response_headers.get("content-type", "").split(";")[0] == PROBLEM, (
            self._response.status,
            body,
        )
        problem = json.loads(body)
        raise Refused(problem["code"], problem, self._response.status)

    def _return_later(self) -> None:
        """Raises the error of a stream that began with it."""
        parser = SseParser()
        [last] = [event for event in parser.feed(self._response.read()) if event.name == "error"]
        self._drop()
        raise Refused(last.data["code"], last.data, self._response.status)

    def _read(self, generation: int) -> None:
        response = self._response
        try:
            while chunk := response.read1(65536):
                for event in self.parser.feed(chunk):
                    if generation == self._generation:
                        self._deliver(event)
                if generation == self._generation:
                    with self._changed:
                        self._changed.notify_all()  # tests wait for comments too
        except (OSError, http.client.HTTPException, AttributeError):
            return  # cut: see `ended`. http.client raises AttributeError if it is closed between two reads
        except ValueError as problem:
            if generation == self._generation and not self.ended:
                self._fail(problem)
        finally:
            response.close()
            if generation == self._generation:
                self._end()

    def _drop(self) -> None:
        self._generation += 1
        self.ended = True
        if self._sock is not None:
            abort(self._sock)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        if self._http is not None:
            self._response.close()
            self._http.close()
        self._sock = self._http = self._thread = None

    def close(self) -> None:
        """Closes the connection, as a closed page does: SSE has no goodbye."""
        self._drop()

    def kill(self) -> None:
        self._drop()

    def wait_comment(self, timeout: float) -> None:
        """Waits for one more keep-alive comment."""
        seen = len(self.parser.comments)
        self.wait(lambda: True if len(self.parser.comments) > seen else None, timeout, "a comment line")
