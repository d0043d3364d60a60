"""A loopback server that speaks FCM HTTP v1 and issues its access tokens.

It keeps the messages it received, by token.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.stand_in import Handler, StandIn, serving

PROJECT = "parley-test"
# the assertion's audience, regardless of the address that it is sent to
AUDIENCE = "https://oauth2.googleapis.com/token"
ACCESS_TOKEN = "token-of-the-stand-in"  # issued only by this server
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
STATUSES |= {401: "UNAUTHENTICATED", 500: "INTERNAL", 503: "UNAVAILABLE"}

Answer = tuple[int, dict[str, str], dict[str, Any]]
Message = dict[str, Any]


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def error(status: int, code: str = "", *, retry_after: int | None = None) -> Answer:
    """Builds FCM's error object; ``code`` is FCM's own code beside Google's status."""
    details = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    body = {"error": {"code": status, "message": code, "status": STATUSES[status], "details": details}}
    return status, {"Retry-After": str(retry_after)} if retry_after is not None else {}, body


class FcmServer(StandIn):
    """``answer(message)`` returns the answer to send instead of success."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.messages: list[Message] = []
        self.tokens_given = 0
        self.answer: Callable[[Message], Answer | None] = lambda message: None

    def service_account(self) -> str:
        """Returns the JSON of a service account that gets its access tokens from this server."""
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

    def settings(self) -> dict[str, str]:
        """Returns the settings of a deployment that uses this server. google-auth looks up in which regions the account
        may be used, and has no option for the address of that look-up: the proxy keeps it on this machine.
        """
        nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1,localhost"}
        return {"FCM_CREDENTIALS": self.service_account(), "FCM_BASE_URL": self.base_url, **nowhere}

    def to(self, token: str) -> list[Message]:
        return [message for message in list(self.messages) if message["token"] == token]

    def give_token(self, body: bytes) -> Answer:
        form = urllib.parse.parse_qs(body.decode())
        jwt.decode(form["assertion"][0], _key().public_key(), algorithms=["RS256"], audience=AUDIENCE)
        self.tokens_given += 1
        return 200, {}, {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        with self.under_way():
            message: Message = json.loads(body)["message"]
            if path != f"/v1/projects/{PROJECT}/messages:send" or headers["authorization"] != f"Bearer {ACCESS_TOKEN}":
                self.failures.append(path)
                return error(401)
            with self._lock:
                self.messages.append(message)
            return self.answer(message) or (200, {}, {"name": f"projects/{PROJECT}/messages/{len(self.messages)}"})


class _Handler(Handler):
    server: FcmServer

    def do_POST(self) -> None:
        headers, body = self.read()
        if self.path == "/token":
            status, more, answered = self.server.give_token(body)
        else:
            status, more, answered = self.server.take(self.path, headers, body)
        self.reply(status, {"Content-Type": "application/json", **more}, json.dumps(answered).encode())


def fcm_server() -> AbstractContextManager[FcmServer]:
    return serving(FcmServer())
