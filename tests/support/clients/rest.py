"""REST: accounts, sends and reads. An error answer that is not a well-formed RFC 9457 problem fails the client."""

from __future__ import annotations

import ssl
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.clients.changes import ChangeCalls
from tests.support.clients.media import MediaCalls
from tests.support.patience import PATIENCE

_TLS = ssl.create_default_context()  # made once, because httpx would load the CA bundle for every client
PROBLEM = "application/problem+json"


class Refused(Exception):
    """The server answered with an error: a REST problem or a WebSocket ``error``."""

    def __init__(self, code: str, data: dict[str, Any], status: int | None = None):
        super().__init__(f"{code}: {data}")
        self.code, self.data, self.status = code, data, status


@dataclass(slots=True)
class Account:
    """A registered user with the tokens of one auth session."""

    user_id: int
    username: str
    password: str
    access_token: str
    refresh_token: str


class RestClient(ChangeCalls, MediaCalls):
    """Blocking. Raises Refused for every answer of 400 and above."""

    def __init__(self, base_url: str, token: str | None = None, timeout: float = PATIENCE):
        self.token = token
        self.http = httpx.Client(base_url=base_url, verify=_TLS, timeout=timeout, trust_env=False)

    def close(self) -> None:
        self.http.close()

    def request(self, method: str, path: str, *, token: str | None = None, **kwargs: Any) -> httpx.Response:
        """Requests ``path`` below /api/v1. ``token`` replaces the client's own; "" sends none."""
        bearer = self.token if token is None else token
        headers = {**kwargs.pop("headers", {}), **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        response = self.http.request(method, f"/api/v1{path}", headers=headers, **kwargs)
        if response.status_code >= 400:
            raise refusal(response)
        return response

    def json(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        body: dict[str, Any] = self.request(method, path, **kwargs).json()
        return body

    # -- auth --------------------

    def register(self, username: str, password: str, **more: Any) -> dict[str, Any]:
        body = {"username": username, "password": password, **more}
        return self.json("POST", "/auth/register", json=body, token="")

    def login(self, username: str, password: str) -> dict[str, Any]:
        return self.json("POST", "/auth/login", json={"username": username, "password": password}, token="")

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        return self.json("POST", "/auth/refresh", token=refresh_token)

    def logout(self) -> None:
        self.request("POST", "/auth/logout")

    def ticket(self) -> str:
        return str(self.json("POST", "/auth/ticket")["ticket"])

    # -- messages --------------------

    def post_message(self, *, receiver_id: int | None = None, conversation_id: int | None = None, **data: Any):
        """Returns the bare response of POST /messages, for its status."""
        return self.request("POST", "/messages", json=message_body(receiver_id, conversation_id, data))

    def send(self, **data: Any) -> dict[str, Any]:
        ack: dict[str, Any] = self.post_message(**data).json()
        return ack

    def fetch_unread(self, *, conversation_id: int | None = None, limit: int | None = None) -> dict[str, Any]:
        params = {"conversationId": conversation_id, "limit": limit}
        return self.json("GET", "/messages/unread", params={k: v for k, v in params.items() if v is not None})

    def delivered(self, conversation_id: int, seq: int) -> dict[str, Any]:
        return self.json("POST", f"/conversations/{conversation_id}/delivered", json={"seq": seq})

    def read(self, conversation_id: int, seq: int) -> dict[str, Any]:
        return self.json("POST", f"/conversations/{conversation_id}/read", json={"seq": seq})

    def typing(self, *, typing: bool, conversation_id: int) -> None:
        self.request("POST", f"/conversations/{conversation_id}/typing", json={"typing": typing})

    def presence(self, user_ids: list[int]) -> dict[int, dict[str, Any]]:
        answer = self.json("GET", "/presence", params={"userIds": ",".join(map(str, user_ids))})
        return {entry["userId"]: entry for entry in answer["presence"]}

    # -- conversations --------------------

    def direct(self, user_id: int) -> dict[str, Any]:
        return self.json("POST", "/conversations", json={"kind": "direct", "userId": user_id})

    def conversations(self, **params: Any) -> dict[str, Any]:
        return self.json("GET", "/conversations", params=params)

    def conversation(self, conversation_id: int) -> dict[str, Any]:
        return self.json("GET", f"/conversations/{conversation_id}")

    def history(self, conversation_id: int, **params: int) -> dict[str, Any]:
        return self.json("GET", f"/conversations/{conversation_id}/messages", params=params)


def message_body(receiver_id: int | None, conversation_id: int | None, data: dict[str, Any]) -> dict[str, Any]:
    """Builds ``send_message`` data: the given target, and a fresh id unless one is given (None omits it)."""
    body: dict[str, Any] = {"id": str(uuid.uuid4()), "message": "hello", **data}
    if receiver_id is not None:
        body["receiverId"] = receiver_id
    if conversation_id is not None:
        body["conversationId"] = conversation_id
    return {key: value for key, value in body.items() if value is not None}


def refusal(response: httpx.Response) -> Refused:
    """Checks the shape of a problem and turns it into an exception."""
    kind = response.headers.get("content-type", "").split(";")[0]
    assert kind == PROBLEM, f"{response.request.url}: {response.status_code} {kind} {response.text[:300]}"
    body = response.json()
    assert body["status"] == response.status_code, body
    assert {"type", "title", "code"} <= set(body), body
    return Refused(body["code"], body, response.status_code)


def register(base_url: str, *, password: str = "correct horse battery", username: str | None = None) -> Account:
    """Registers a new user under a unique name."""
    name = username or f"u{uuid.uuid4().hex[:20]}"
    rest = RestClient(base_url)
    try:
        body = rest.register(name, password)
    finally:
        rest.close()
    return Account(body["user"]["id"], name, password, body["accessToken"], body["refreshToken"])
