"""Requests of a host's server."""

from __future__ import annotations

from typing import Any

import httpx

from tests.contract.expect import eventually
from tests.integration.documented.calls import SERVER_KEY, Call


def server_api(call: Call) -> None:
    def as_host(method: str, path: str, **options: Any) -> httpx.Response:
        return call(method, f"/server{path}", token=SERVER_KEY, **options)

    fields = {"displayName": "Zoe", "email": "zoe@x.example", "locale": "de", "avatarUrl": "https://192.0.2.1/z.png"}
    as_host("PUT", "/users/zoe", json=fields)
    as_host("PUT", "/users/zoe", json={"displayName": "Zoe Anew"})
    as_host("POST", "/users", json={"users": [{"externalId": "zoe"}, {"externalId": "yan"}]})
    as_host("POST", "/users/zoe/tokens", json={"expiresIn": 60, "refresh": True})
    as_host("POST", "/users/zoe/tokens", json={})
    as_host("PUT", "/users/zoe/suspension", json={"until": "2999-01-01", "reason": "spam"})
    as_host("GET", "/users/zoe")
    as_host("POST", "/users/zoe/tokens", json={})
    as_host("DELETE", "/users/zoe/suspension")
    as_host("POST", "/users/zoe/sessions/end")
    room = "/conversations/room"
    as_host("PUT", room, json={"kind": "group", "name": "Room", "members": ["zoe"], "readOnly": True})
    for method, path, body in host_changes():
        as_host(method, room + path, json=body)
    as_host("GET", room)
    sent = as_host("POST", "/messages", json={"conversation": "room", "sender": "yan", "message": "hello"}).json()["id"]
    reply = {"conversation": "room", "message": "news", "replyTo": sent, "metadata": {"a": 1}, "silent": True}
    as_host("POST", "/messages/batch", json={"messages": [reply, {"conversation": "nowhere", "message": "x"}]})
    as_host("POST", "/messages", json={"conversation": "nowhere", "message": "x"})
    as_host("GET", f"{room}/messages")
    as_host("PATCH", f"/messages/{sent}", json={"message": "hello again"})
    as_host("DELETE", f"/messages/{sent}", params={"conversation": "room"})
    as_host("GET", f"{room}/messages", params={"after": 0, "limit": 1})
    streams(as_host, {"conversation": "room", "sender": "yan", "kind": "answer", "metadata": {"a": 1}})
    call("GET", "/messages/unread", token=as_host("POST", "/users/yan/tokens").json()["accessToken"])
    as_host("PUT", "/conversations/pair", json={"kind": "direct", "members": ["zoe", "yan"]})
    as_host("GET", "/conversations/pair")
    webhooks(as_host)
    host_imports(as_host)
    as_host("DELETE", room)
    as_host("GET", room)
    as_host("DELETE", "/users/zoe", params={"messages": "keep"})
    as_host("GET", "/users/zoe")
    as_host("GET", "/users/yan", json=None)
    call("GET", "/server/users/yan")


def streams(call: Call, first: dict[str, Any]) -> None:
    """Writes a stream to its end, with every refusal."""
    path = f"/streams/{call('POST', '/streams', json=first).json()['id']}"
    for start, piece in ((0, "Hello"), (0, "Hello"), (9, "a gap"), (5, "x" * 8000)):
        call("POST", f"{path}/append", json={"from": start, "text": piece})
    call("POST", f"{path}/end", json={"message": "Hello, all"})
    call("POST", f"{path}/end")
    call("POST", f"{path}/end", json={"message": "another text"})
    call("POST", f"{path}/append", json={"from": 5, "text": "too late"})
    call("POST", "/streams", json={})


def host_changes() -> list[tuple[str, str, dict[str, Any] | None]]:
    """Returns calls that each change something of a group with one member, zoe."""
    return [
        ("PUT", "", {"description": "ours"}),
        ("PATCH", "", {"name": "Hall", "avatarUrl": "https://192.0.2.1/h.png"}),
        ("POST", "/members", {"members": [{"user": "yan", "role": "admin"}]}),
        ("DELETE", "/members/zoe", None),
    ]


def host_imports(as_host: Call) -> None:
    """An import that ends well, one that is wrong, and requests that begin none."""
    lines = b'{"type": "user", "externalId": "imp", "colour": "red"}\n'
    for body, status in ((lines, "done"), (lines + b"{", "failed")):
        taken = as_host("POST", "/imports", content=body).json()
        path = f"/imports/{taken['importId']}"
        eventually(lambda path=path, status=status: as_host("GET", path).json()["status"] == status, status)
    as_host("POST", "/imports", content=b"")
    as_host("GET", "/imports/0")


def webhooks(as_host: Call) -> None:
    """An event that arrives nowhere, and the calls about it."""
    made = as_host("POST", "/webhooks", json={"url": "https://127.0.0.1:9/hook", "types": ["user.updated"]}).json()
    path = f"/webhooks/{made['webhookId']}"
    cursor = as_host("GET", "/events", params={"wait": 0, "limit": 1}).json()["cursor"]
    as_host("PUT", "/users/yan", json={"displayName": "Yan Anew"})
    assert as_host("GET", "/events", params={"cursor": cursor, "types": "user.updated"}).json()["events"]
    eventually(lambda: as_host("GET", f"{path}/deliveries").json()["deliveries"], "the delivery")
    as_host("GET", f"{path}/deliveries", params={"state": "failed", "limit": 1})
    as_host("POST", f"{path}/replay", json={"after": cursor})
    as_host("PATCH", path, json={"types": None, "state": "off", "description": "all"})
    as_host("GET", "/webhooks")
    as_host("DELETE", path)
