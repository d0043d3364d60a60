"""The answers of a running server match its documents: no missing or unknown member, no undocumented status."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.expect import eventually
from tests.integration.documented.account import change_email, change_sign_ins, notifications, own_data, second_factor
from tests.integration.documented.calls import OUTBOX, SERVER_KEY, SWITCHES, Call
from tests.integration.documented.conversations import (
    groups,
    life_of_a_message,
    lists_of_messages,
    media,
)
from tests.integration.documented.host import server_api
from tests.integration.documented.unconfirmed import expect_unconfirmed, unannounced_ends, unconfirmed_changes
from tests.support.clients import Account, PollClient, Refused, SseClient, WsClient, register
from tests.support.documents import Documents
from tests.support.media_files import image_bytes
from tests.support.processes import Stack

MAIL = {"MAIL_URL": OUTBOX.as_uri(), "MAIL_FROM": "a@b.example", "PUBLIC_URL": "https://chat.example"}
WEBHOOKS = {"WEBHOOK_PRIVATE_HOSTS": "127.0.0.1"}  # no server listens there
# The wait is so long that a busy machine confirms every change in time while nothing is down.
STACK = {
    "env": {"ACK_WAIT_SECONDS": "6", "AUTH_ATTEMPTS_PER_MINUTE": "0", "SERVER_API_KEY": SERVER_KEY, **WEBHOOKS, **MAIL},
}


@pytest.fixture
def documents(server: Stack) -> Documents:
    """A fresh one for each test, so that a test counts only the answers that it got itself."""
    return Documents(server.base_url)


@pytest.fixture(scope="module")
def ann(server: Stack) -> Account:
    return register(server.base_url)


@pytest.fixture
def ben(server: Stack) -> Account:
    """A new one for each test, because tests make him an admin or let nobody add him to groups."""
    return register(server.base_url)


@pytest.fixture
def call(server: Stack, documents: Documents, ann: Account) -> Iterator[Call]:
    """``call("GET", "/me")`` calls as Ann and checks every answer."""
    with httpx.Client(base_url=server.base_url, trust_env=False, timeout=40) as client:

        def act(method: str, path: str, *, token: str | None = ann.access_token, **options: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return documents.check_answer(client.request(method, f"/api/v1{path}", headers=headers, **options))

        yield act


def test_rest_answers_are_as_documented(call: Call, documents: Documents, ann: Account, ben: Account, server: Stack):
    name = f"u{uuid.uuid4().hex[:12]}"
    account = {"username": name, "password": "correct horse battery", "displayName": "Cyd"}
    call("POST", "/auth/register", json=account, token=None)
    signed_in = call("POST", "/auth/login", json={k: account[k] for k in ("username", "password")}, token=None).json()
    call("POST", "/auth/login", json={k: account[k] for k in ("username", "password")}, token=None)
    tokens = call("POST", "/auth/refresh", token=signed_in["refreshToken"]).json()
    call("POST", "/auth/ticket", token=tokens["accessToken"])
    change_sign_ins(call, tokens["accessToken"])
    second_factor(call, tokens["accessToken"], {"username": name, "password": "another horse battery"})
    call("POST", "/auth/logout", token=change_email(call, tokens["accessToken"], name))
    call("GET", "/limits", token=None)
    call("GET", "/me")
    call("PATCH", "/me", json={"displayName": "Ann", "avatarUrl": "https://192.0.2.1/ann.png"})
    picture = {"file": ("a.jpg", image_bytes(), "image/jpeg")}
    avatar = call("PUT", "/me/avatar", files=picture).json()["avatarUrl"].removeprefix("/api/v1")
    eventually(lambda: call("GET", avatar, token=None).status_code == 200, "the avatar")
    call("PATCH", "/me", json={"status": {"text": "here", "until": None}, "doNotDisturbUntil": None})
    call("GET", "/users", params={"q": ben.username[:6]})
    call("GET", "/presence", params={"userIds": f"{ann.user_id},{ben.user_id}"})

    one = call("POST", "/conversations", json={"kind": "direct", "userId": ben.user_id}).json()["id"]
    first = call("POST", "/messages", json={"receiverId": ben.user_id, "message": "hello"}).json()
    reply = {"conversationId": one, "message": "and", "replyTo": first["id"], "kind": "note"}
    call("POST", "/messages", json=reply)
    call("GET", "/messages/unread", token=ben.access_token)
    call("POST", f"/conversations/{one}/delivered", json={"seq": 2}, token=ben.access_token)
    call("POST", f"/conversations/{one}/read", json={"seq": 1}, token=ben.access_token)
    call("POST", f"/conversations/{one}/typing", json={"typing": True})
    call("POST", f"/conversations/{one}/events", json={"type": "wave", "data": {"at": 1}})
    call("GET", "/conversations")
    call("GET", "/conversations", params={"limit": 1})
    call("GET", f"/conversations/{one}")
    call("GET", f"/conversations/{one}/messages", params={"limit": 1})
    call("GET", f"/conversations/{one}/messages", params={"around": first["id"]})
    cursor = call("GET", "/events/poll").json()["cursor"]
    call("GET", "/events/poll", params={"cursor": cursor, "wait": 0})
    call("GET", "/openapi.json", token=None)
    for operation in lists_of_messages():
        call("GET", operation)
    groups(call, ben)
    life_of_a_message(call, ben)
    media(call, one)
    own_data(call, ben, first["id"], server)
    notifications(call)
    server_api(call)

    # Neither answer is one JSON value. The export has its own tests in tests/contract/test_own_data.py.
    stream = {("GET", "/api/v1/events", 200), ("GET", "/api/v1/me/exports/{exportId}/file", 200)}
    assert documents.successes() - documents.seen == documents.unconfirmed() | stream


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/me", {"token": None}, 401),
        ("GET", "/me", {"token": "forged"}, 401),
        ("GET", "/conversations/999999", {}, 404),
        ("GET", "/users", {}, 422),
        ("POST", "/messages", {"json": {"message": 1}}, 422),
        ("POST", "/messages", {"json": {"message": "x" * 9000, "conversationId": 1}}, 413),
        ("POST", "/messages", {"content": b"x", "headers": {}}, 415),
        ("POST", "/messages", {"json": {"message": "x", "conversationId": 999999}}, 404),
        ("POST", "/auth/login", {"json": {"username": "nobody-at-all", "password": "x"}, "token": None}, 401),
        ("POST", "/auth/logout", {"token": None}, 401),
        ("GET", "/events/poll", {"params": {"wait": 99}}, 422),
    ],
)
def test_refusals_are_as_documented(call: Call, method: str, path: str, options: dict[str, Any], status: int):
    options.pop("headers", None)
    assert call(method, path, **options).status_code == status


def test_taken_username_is_a_documented_conflict(call: Call, ann: Account):
    body = {"username": ann.username, "password": "correct horse battery"}
    assert call("POST", "/auth/register", json=body, token=None).status_code == 409


@pytest.fixture
def sessions(server: Stack, ann: Account, ben: Account) -> Iterator[list[Any]]:
    made = [WsClient(server.base_url, ann), WsClient(server.base_url, ben), SseClient(server.base_url, ben)]
    made.append(PollClient(server.base_url, ben))
    yield made
    for client in made:
        client.finish()


def changes(documents: Documents, client: Any, message_id: str) -> None:
    for name, data in (
        ("edit_message", {"id": message_id, "message": "changed"}),
        ("react", {"id": message_id, "emoji": "👍", "on": True}),
        *((switch, {"id": message_id, "on": True}) for switch in SWITCHES),
        ("delete_message", {"id": message_id}),
    ):
        documents.check_command(name, data)
        client.command(name, data)


def stream_commands(documents: Documents, client: Any, conversation_id: int) -> None:
    id_ = str(uuid.uuid4())
    for name, data in (
        ("start_stream", {"id": id_, "conversationId": conversation_id}),
        ("append_stream", {"id": id_, "from": 0, "text": "Hello"}),
        ("end_stream", {"id": id_, "message": "Hello, all"}),
        ("stop_stream", {"id": id_}),
    ):
        documents.check_command(name, data)
        client.command(name, data)


def test_events_are_as_documented(sessions: list[Any], call: Call, documents: Documents, ann: Account, ben: Account):
    mine, theirs, stream, poll = sessions
    for client in (theirs, stream, poll):
        client.join()
    mine.join(cursor="of another server")  # answered with resync
    commands: list[tuple[str, dict[str, Any]]] = [
        ("presence_subscribe", {"userIds": [ben.user_id]}),
        ("send_message", {"receiverId": ben.user_id, "message": "hello", "id": str(uuid.uuid4())}),
        ("authenticate", {"token": ann.access_token}),
        ("fetch_unread_messages", {"limit": 5}),
        ("ping", {}),
    ]
    for name, data in commands:
        documents.check_command(name, data)
        mine.command(name, data)
    with pytest.raises(Refused):
        mine.command("send_message", {"message": "to nobody"})
    message = theirs.next_event("receive_message").data
    mark = {"conversationId": message["conversationId"], "seq": message["seq"]}
    for name, data in (("message_delivered", mark), ("message_read", mark), ("fetch_unread_messages", {})):
        documents.check_command(name, data)
        theirs.command(name, data)
    theirs.typing(conversation_id=message["conversationId"])
    event = {"conversationId": message["conversationId"], "type": "wave", "data": {"at": 1}}
    documents.check_command("send_event", event)
    theirs.command("send_event", event)
    for name in ("resync", "message_delivered", "message_read", "typing", "custom"):
        mine.next_event(name)
    changes(documents, mine, message["id"])
    stream_commands(documents, mine, message["conversationId"])
    draft = {"conversationId": message["conversationId"], "message": "Dear", "replyTo": message["id"]}
    place = {"conversationId": message["conversationId"]}
    own = (("set_draft", draft), ("mark_unread", {**place, "on": True}), ("clear_conversation", {**place, "seq": 1}))
    for name, data in own:
        documents.check_command(name, data)
        mine.command(name, data)
    media_events(call, theirs, message["conversationId"])
    call("POST", "/conversations", json={"kind": "group", "name": "Us", "memberIds": [ben.user_id]})
    call("PUT", f"/conversations/{message['conversationId']}/mute", json={"until": None})
    call("PATCH", "/me", json={"displayName": "Ann Anew"})
    call("PATCH", "/me", token=ben.access_token, json={"mayAddMe": "nobody"})
    call("POST", "/conversations", json={"kind": "group", "name": "They", "memberIds": [ben.user_id]})
    for name in (
        "message_updated",
        "message_append",
        "reaction",
        "message_pinned",
        "message_deleted",
        "conversation_updated",
        "user_updated",
        "request_updated",
    ):
        theirs.next_event(name)
    mine.next_event("conversation_settings")
    mine.next_event("draft_updated")
    mine.next_event("conversation_cleared")
    for client in (stream, poll):
        client.next_event("receive_message")
    for client in sessions:
        for event in [client.joined, *client.events, *getattr(client, "replies", {}).values()]:
            if event is not None:
                documents.check_event(event)
    assert documents.events() - documents.seen == set()


def media_events(call: Call, reader: Any, conversation: int) -> None:
    """One picture that can be decoded, and one that cannot."""
    for data in (image_bytes(), image_bytes(size=(400, 400))[:2000]):
        files = {"file": ("photo.jpg", data, "image/jpeg")}
        uploaded = call("POST", "/media", params={"conversationId": conversation}, files=files).json()["mediaId"]
        body = {"conversationId": conversation, "attachments": [{"mediaId": uploaded}]}
        call("POST", "/messages", json=body)
    for name in ("media_progress", "media_ready", "media_failed"):
        reader.next_event(name)


def test_changes_not_confirmed_in_time_are_answered_as_documented(
    call: Call, documents: Documents, server: Stack, ben: Account
):
    conversation = call("POST", "/conversations", json={"kind": "direct", "userId": ben.user_id}).json()
    one, last = conversation["id"], call("POST", "/messages", json={"receiverId": ben.user_id, "message": "a"}).json()
    server.stop_postgres()
    try:
        requests = [("POST", "/messages", {"json": {"conversationId": one, "message": "b"}})]
        for mark in ("delivered", "read"):
            options = {"json": {"seq": last["seq"]}, "token": ben.access_token}
            requests.append(("POST", f"/conversations/{one}/{mark}", options))
        expect_unconfirmed(call, requests)
    finally:
        server.start_postgres()
    unconfirmed_changes(call, server, ben)
    unannounced_ends(call, server)
    assert documents.unconfirmed() - documents.seen == set()
