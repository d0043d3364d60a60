"""A server on loopback that speaks FCM HTTP v1 and gives out its access tokens; it keeps what it is sent by token."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PROJECT = "parley-test"
AUDIENCE = "https://oauth2.googleapis.com/token"  # in the assertion, wherever it is sent
ACCESS_TOKEN = "token-of-the-stand-in"  # nothing but what this server gives out
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
STATUSES |= {401: "UNAUTHENTICATED", 500: "INTERNAL", 503: "UNAVAILABLE"}

Answer = tuple[int, dict[str, str], dict[str, Any]]
Message = dict[str, Any]


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def error(status: int, code: str = "", *, retry_after: int | None = None) -> Answer:
    """FCM's error object; ``code`` is FCM's own beside Google's status."""
    details = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    body = {"error": {"code": status, "message": code, "status": STATUSES[status], "details": details}}
    return status, {"Retry-After": str(retry_after)} if retry_after is not None else {}, body


class FcmServer(ThreadingHTTPServer):
    """``answer(message)`` says what is answered instead of success. ``delay``: seconds before any answer."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[Message] = []
        self.tokens_given = 0
        self.failures: list[str] = []
        self.answer: Callable[[Message], Answer | None] = lambda message: None
        self.delay = 0.0
        self.most_at_once = self._at_once = 0
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Who gave up waiting is no fault of this server's."""
        if not isinstance(sys.exception(), ConnectionError):
            self.failures.append(repr(sys.exception()))

    def service_account(self) -> str:
        """The JSON of a service account that gets its access tokens here."""
        pem = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": pem,
            "client_email": f"parley@{PROJECT}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.base_url}/token",
        }
        return json.dumps(account)

    def to(self, token: str) -> list[Message]:
        return [message for message in list(self.messages) if message["token"] == token]

    def give_token(self, body: bytes) -> Answer:
        form = urllib.parse.parse_qs(body.decode())
        jwt.decode(form["assertion"][0], _key().public_key(), algorithms=["RS256"], audience=AUDIENCE)
        self.tokens_given += 1
        return 200, {}, {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            time.sleep(self.delay)
            message: Message = json.loads(body)["message"]
            if path != f"/v1/projects/{PROJECT}/messages:send" or headers["authorization"] != f"Bearer {ACCESS_TOKEN}":
                self.failures.append(path)
                return error(401)
            with self._lock:
                self.messages.append(message)
            return self.answer(message) or (200, {}, {"name": f"projects/{PROJECT}/messages/{len(self.messages)}"})
        finally:
            with self._lock:
                self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    server: FcmServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == "/token":
            status, more, answered = self.server.give_token(body)
        else:
            status, more, answered = self.server.take(self.path, headers, body)
        encoded = json.dumps(answered).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(encoded)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to the test's output."""


@contextmanager
def fcm_server() -> Iterator[FcmServer]:
    with FcmServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
