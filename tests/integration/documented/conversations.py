"""Requests about groups, messages and media."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from app.api.documents.operations import OPERATIONS
from tests.contract.expect import eventually
from tests.integration.documented.calls import SWITCHES, Call
from tests.integration.documented.host import streams
from tests.support.clients import Account
from tests.support.media_files import image_bytes


def make_group(call: Call, *members: Account) -> int:
    new = {"kind": "group", "name": "Us", "description": "all of us", "memberIds": [m.user_id for m in members]}
    return int(call("POST", "/conversations", json=new).json()["id"])


def groups(call: Call, ben: Account) -> None:
    """Members, roles, invites, and personal settings."""
    group = make_group(call, ben)
    for method, path, body in make_group_changes(ben):
        call(method, f"/conversations/{group}{path}", json=body)
    call("PUT", f"/conversations/{group}/avatar", files={"file": ("a.jpg", image_bytes(), "image/jpeg")})
    call("GET", f"/conversations/{group}/members", params={"limit": 1})
    invite = call("POST", f"/conversations/{group}/invites", json={"expiresIn": 60, "maxUses": 2}).json()["code"]
    call("GET", f"/conversations/{group}/invites")
    call("GET", f"/invites/{invite}", token=ben.access_token)
    call("POST", f"/invites/{invite}", token=ben.access_token)
    call("DELETE", f"/conversations/{group}/invites/{invite}")
    call("DELETE", f"/conversations/{group}/invites", json={})
    call("POST", f"/conversations/{group}/leave", token=ben.access_token)
    answer_requests(call, group, ben)


def answer_requests(call: Call, group: int, ben: Account) -> None:
    """Ben has left the group, so adding him again makes a request."""
    call("POST", f"/conversations/{group}/members", json={"userId": ben.user_id})
    call("GET", "/requests", token=ben.access_token)
    call("POST", f"/requests/{group}/accept", token=ben.access_token)
    call("POST", f"/conversations/{group}/leave", token=ben.access_token)
    call("POST", f"/conversations/{group}/members", json={"userId": ben.user_id})
    call("POST", f"/requests/{group}/refuse", token=ben.access_token)


def make_group_changes(ben: Account) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Returns calls that each change something, to be made in this order."""
    return [
        ("PATCH", "", {"name": "We", "history": "joined", "description": None}),
        ("PATCH", f"/members/{ben.user_id}", {"role": "admin"}),
        ("DELETE", "/members", {"userIds": [ben.user_id]}),
        ("POST", "/members", {"userId": ben.user_id}),
        ("DELETE", f"/members/{ben.user_id}", None),
        ("PUT", "/mute", {"until": "2099-01-01T00:00:00Z"}),
        ("PUT", "/archive", {"archived": True}),
        ("PUT", "/pin", {"pinned": True}),
        ("PUT", "/draft", {"message": "Dear", "replyTo": str(uuid.uuid4())}),
        ("DELETE", "/draft", None),
        ("PUT", "/unread", None),
        ("DELETE", "/unread", None),
        ("POST", "/clear", {"seq": 1}),
    ]


def life_of_a_message(call: Call, ben: Account) -> None:
    sent = call("POST", "/messages", json={"receiverId": ben.user_id, "message": "first"}).json()
    for method, path, body in message_changes():
        call(method, f"/messages/{sent['id']}{path}", json=body)
        if path == "/pin" and method == "PUT":
            call("GET", f"/conversations/{sent['conversationId']}/pins")
            call("GET", f"/conversations/{sent['conversationId']}/media", params={"kind": "image,file"})
            call("GET", f"/messages/{sent['id']}/receipts")
            call("GET", f"/messages/{sent['id']}/edits")
            call("GET", f"/conversations/{sent['conversationId']}/messages")
    streams(call, {"receiverId": ben.user_id, "replyTo": sent["id"], "metadata": {"a": 1}})
    grows = call("POST", "/streams", json={"conversationId": sent["conversationId"]}).json()["id"]
    call("GET", f"/conversations/{sent['conversationId']}/messages")
    call("POST", f"/messages/{grows}/stop")
    call("POST", f"/messages/{uuid.uuid4()}/stop")


def lists_of_messages() -> list[str]:
    """Returns the paths of the lists of messages that need no id and no query."""
    messages = [o for o in OPERATIONS if o.method == "GET" and o.tag == "Messages" and "{" not in o.path]
    return [o.path.removeprefix("/api/v1") for o in messages]


def message_changes() -> list[tuple[str, str, dict[str, Any] | None]]:
    return [
        ("PATCH", "", {"message": "second"}),
        ("PUT", "/reactions/%F0%9F%91%8D", None),
        ("PUT", "/reactions?emoji=%F0%9F%98%80", None),
        *((method, f"/{command.switch}", None) for command in SWITCHES.values() for method in ("PUT", "DELETE")),
        ("DELETE", "/reactions/%F0%9F%91%8D", None),
        ("DELETE", "/reactions?emoji=%F0%9F%98%80", None),
        ("DELETE", "", None),
    ]


def media(call: Call, conversation: int) -> None:
    """One upload through the server, and one straight to the storage."""
    form = {"conversationId": str(conversation)}
    files = {"file": ("photo.jpg", image_bytes(), "image/jpeg")}
    uploaded = call("POST", "/media", data=form, files=files).json()["mediaId"]
    new = {"filename": "a.txt", "contentType": "text/plain", "bytes": 4, "conversationId": conversation}
    direct = call("POST", "/media/direct", json=new).json()
    httpx.post(uploaded_to(call, direct["url"]), data=direct["fields"], files={"file": b"text"}, trust_env=False)
    call("POST", f"/media/{direct['mediaId']}/complete")
    call("POST", "/messages", json={"conversationId": conversation, "attachments": [{"mediaId": uploaded}]})
    eventually(lambda: call("GET", f"/media/{uploaded}").status_code == 302, "the picture", 30)
    call("GET", f"/media/{uploaded}/url", params={"variant": "thumbnail"})


def uploaded_to(call: Call, path: str) -> str:
    return str(call("GET", "/me").url.join(path))
