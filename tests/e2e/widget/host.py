"""A host application on an origin of its own: pages with a strict policy, users of its own, and tokens for them."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.e2e.page.people import Somebody
from tests.support.patience import PATIENCE

SERVER_API_KEY = "the-key-of-a-host-for-the-tests-of-the-widget"
LONG = 86_400
_numbers = itertools.count(1)


class HostServer:
    """The backend of a host, which calls the server API."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        headers = {"Authorization": f"Bearer {SERVER_API_KEY}"}
        self._api = httpx.Client(
            base_url=f"{base_url}/api/v1/server", headers=headers, trust_env=False, timeout=PATIENCE
        )
        self._clients: list[httpx.Client] = []

    def close(self) -> None:
        for client in (self._api, *self._clients):
            client.close()

    def new(self, name: str) -> Somebody:
        """Makes a user; ``username`` is the host's id."""
        external_id = f"{name.split(maxsplit=1)[0].lower()}-{next(_numbers)}"
        answer = self._api.put(f"/users/{external_id}", json={"displayName": name})
        assert answer.is_success, answer.text
        headers = {"Authorization": f"Bearer {self.token(external_id, expiresIn=LONG)}"}
        client = httpx.Client(base_url=f"{self.base_url}/api/v1", headers=headers, trust_env=False, timeout=PATIENCE)
        self._clients.append(client)
        return Somebody(answer.json()["id"], external_id, name, client)

    def pair(self) -> tuple[Somebody, Somebody, int]:
        """Returns two users and their direct conversation."""
        ann, ben = self.new("Ann Archer"), self.new("Ben Baker")
        return ann, ben, ann.direct(ben)

    def conversation(self, external_id: str, **fields: Any) -> int:
        """Creates a conversation with this id of the host. Returns Parley's id."""
        answer = self._api.put(f"/conversations/{external_id}", json=fields)
        assert answer.is_success, answer.text
        return int(answer.json()["id"])

    def say(self, **message: Any) -> None:
        answer = self._api.post("/messages", json=message)
        assert answer.is_success, answer.text

    def token(self, external_id: str, **options: Any) -> str:
        answer = self._api.post(f"/users/{external_id}/tokens", json=options)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["accessToken"])


@dataclass
class HostSite:
    """Serves ``pages`` by path. ``/token`` answers ``token_answer``, or a token for the user in the cookie ``user``."""

    server: HostServer
    csp: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    token_answer: tuple[int, bytes] | None = None
    token_requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if path == "/token":
            user = SimpleCookie(request.headers.get("Cookie", "")).get("user")
            self.token_requests.append(user.value if user else "")
            status, body = self.token_answer or self._token(user.value if user else "")
            return self._send(request, status, "application/json", body)
        if path == "/favicon.ico":
            return self._send(request, 200, "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"/>')
        if path in self.scripts:
            return self._send(request, 200, "text/javascript", self.scripts[path].encode())
        if path in self.pages:
            return self._send(request, 200, "text/html; charset=utf-8", self.pages[path].encode())
        return self._send(request, 404, "text/plain", b"")

    def _token(self, user: str) -> tuple[int, bytes]:
        if not user:
            return 401, b"{}"
        return 200, json.dumps({"accessToken": self.server.token(user)}).encode()

    def _send(self, request: BaseHTTPRequestHandler, status: int, content_type: str, body: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(len(body)))
        if self.csp and content_type.startswith("text/html"):
            request.send_header("Content-Security-Policy", self.csp)
        request.end_headers()
        request.wfile.write(body)
