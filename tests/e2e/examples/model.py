"""A language model for tests: it says the words that the test gives it, when the test gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

from tests.support.patience import PATIENCE


class Question:
    """A request of the bot. ``messages`` is the conversation so far."""

    def __init__(self, messages: list[dict[str, str]]) -> None:
        self.messages = messages
        self._pieces: Queue[str | None] = Queue()

    def say(self, words: str) -> None:
        self._pieces.put(words)

    def end(self) -> None:
        self._pieces.put(None)

    def pieces(self) -> Iterator[str]:
        return iter(self._pieces.get, None)


class Model:
    def __init__(self) -> None:
        self.asked: Queue[Question] = Queue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def question(self) -> Question:
        """Waits for the next request."""
        return self.asked.get(timeout=PATIENCE)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/chat/completions"
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert body["stream"] is True
                question = Question(body["messages"])
                asked.put(question)
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                with suppress(ConnectionError):  # the bot hangs up when a visitor stops the answer
                    for words in question.pieces():
                        chunk = {"choices": [{"delta": {"content": words}}]}
                        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                    self.wfile.write(b"data: [DONE]\n\n")

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextmanager
def running_model() -> Iterator[Model]:
    model = Model()
    thread = Thread(target=model.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.server.shutdown()
        model.server.server_close()
        thread.join()
