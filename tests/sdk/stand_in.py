"""A stand-in for the part of Parley that the outbox calls, on loopback. It stores an id once, as Parley does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.patience import PATIENCE

Body = dict[str, Any]
Answer = dict[str, Any] | None


class StandIn:
    """``stored`` has every message in the order in which it was stored, ``requests`` every one that arrived.

    ``answer(message)`` may return a problem in place of the ack. ``before_answer`` runs when the messages are stored
    and their answer is not sent yet. ``fails(messages)`` may return the status of a failure of the whole request.
    """

    def __init__(self) -> None:
        self.stored: list[Body] = []
        self.requests: list[list[Body]] = []
        self.answer: Callable[[Body], Answer] = lambda _: None
        self.before_answer: Callable[[], None] = lambda: None
        self.fails: Callable[[list[Body]], int | None] = lambda _: None
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def texts(self) -> list[str]:
        return [message["message"] for message in self.stored]

    def start(self) -> StandIn:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), self.requests

    def batch(self, messages: list[Body]) -> list[Body]:
        with self._changed:
            self.requests.append(messages)
            results = [self._store(message) for message in messages]
            self._changed.notify_all()
        self.before_answer()
        return results

    def _store(self, message: Body) -> Body:
        other = self.answer(message)
        if other is not None:
            return other
        earlier = next((kept for kept in self.stored if kept["id"] == message["id"]), None)
        if earlier is None:
            self.stored.append(message)
        return {"id": message["id"], "conversationId": 1, "seq": len(self.stored), "status": "stored"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/api/v1/server/messages/batch"
                status = stand_in.fails(sent["messages"])
                answer = {"results": stand_in.batch(sent["messages"])} if status is None else {"code": "internal"}
                body = json.dumps(answer).encode()
                try:
                    self.send_response(status or 200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:  # the relay was killed
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
