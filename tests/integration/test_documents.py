"""The answers of a running server match its documents: no missing or unknown member, no undocumented status."""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import create_engine, text

from app.api.documents.operations import OPERATIONS
from app.core.command_kinds import COMMANDS
from app.message_log import keys
from tests.contract.expect import eventually
from tests.support.clients import Account, PollClient, Refused, SseClient, WsClient, register
from tests.support.documents import Documents
from tests.support.media_files import image_bytes
from tests.support.processes import Stack

# Long enough that a busy machine confirms every change in time while nothing is down.
OUTBOX = Path(tempfile.mkdtemp(prefix="parley-test-"))
MAIL = {"MAIL_URL": OUTBOX.as_uri(), "MAIL_FROM": "a@b.example", "PUBLIC_URL": "https://chat.example"}
SERVER_KEY = "the-key-of-a-host-for-the-test-of-documents"
WEBHOOKS = {"WEBHOOK_PRIVATE_HOSTS": "127.0.0.1"}  # nobody listens there
STACK = {
    "env": {"ACK_WAIT_SECONDS": "6", "AUTH_ATTEMPTS_PER_MINUTE": "0", "SERVER_API_KEY": SERVER_KEY, **WEBHOOKS, **MAIL},
}

Call = Callable[..., httpx.Response]
SWITCHES = {name: command for name, command in COMMANDS.items() if command.switch}


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


def _change_sign_ins(call: Call, token: str) -> None:
    listed = call("GET", "/auth/sessions", token=token).json()["sessions"]
    other = next(row["id"] for row in listed if not row["current"])
    call("DELETE", f"/auth/sessions/{other}", token=token)
    call("POST", "/auth/sessions/end-others", token=token)
    passwords = {"current": "correct horse battery", "new": "another horse battery"}
    call("POST", "/auth/password", json=passwords, token=token)


def _second_factor(call: Call, token: str, account: dict[str, str]) -> None:
    proof = {"password": account["password"]}
    secret = call("POST", "/auth/second-factor", json=proof, token=token).json()["secret"]
    confirmed = call("POST", "/auth/second-factor/confirm", json={"code": pyotp.TOTP(secret).now()}, token=token).json()
    first, second, *_ = confirmed["recoveryCodes"]
    challenge = call("POST", "/auth/login", json=account, token=None).json()["challenge"]
    call("POST", "/auth/login/second-factor", json={"challenge": challenge, "code": first}, token=None)
    renewed = call("POST", "/auth/second-factor/recovery-codes", json={**proof, "code": second}, token=token).json()
    call("DELETE", "/auth/second-factor", json={**proof, "code": renewed["recoveryCodes"][0]}, token=token)


def _change_email(call: Call, token: str, username: str) -> str:
    """Returns a new token, because a reset ends all sign-ins."""
    wanted = {"email": f"{username}@x.example", "password": "another horse battery"}
    call("PUT", "/me/email", json=wanted, token=token)
    call("POST", "/auth/email/verify", json={"token": _mailed("verify-email")}, token=None)
    call("POST", "/auth/password/forgot", json={"username": username}, token=None)
    reset = {"token": _mailed("reset-password"), "password": wanted["password"]}
    call("POST", "/auth/password/reset", json=reset, token=None)
    again = call("POST", "/auth/login", json={"username": username, "password": wanted["password"]}, token=None).json()
    call("DELETE", "/me/email", json={"password": wanted["password"]}, token=again["accessToken"])
    return str(again["accessToken"])


def _mailed(what: str) -> str:
    """Returns the token of the first link of this kind that was mailed."""

    def found() -> list[str]:
        texts = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in OUTBOX.glob("*.eml")]
        return [one for text in texts for one in re.findall(rf"#{what}=(\S+)", text.get_content())]

    return str(eventually(found, f"a mail with {what}")[0])


def test_rest_answers_are_as_documented(call: Call, documents: Documents, ann: Account, ben: Account, server: Stack):
    name = f"u{uuid.uuid4().hex[:12]}"
    account = {"username": name, "password": "correct horse battery", "displayName": "Cyd"}
    call("POST", "/auth/register", json=account, token=None)
    signed_in = call("POST", "/auth/login", json={k: account[k] for k in ("username", "password")}, token=None).json()
    call("POST", "/auth/login", json={k: account[k] for k in ("username", "password")}, token=None)
    tokens = call("POST", "/auth/refresh", token=signed_in["refreshToken"]).json()
    call("POST", "/auth/ticket", token=tokens["accessToken"])
    _change_sign_ins(call, tokens["accessToken"])
    _second_factor(call, tokens["accessToken"], {"username": name, "password": "another horse battery"})
    call("POST", "/auth/logout", token=_change_email(call, tokens["accessToken"], name))
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


def notifications(call: Call) -> None:
    call("GET", "/push/vapid-key")
    keys = {"p256dh": "BA" + "A" * 85, "auth": "A" * 22}
    endpoint = "https://fcm.googleapis.com/fcm/send/x"
    one = call("POST", "/push/subscriptions", json={"endpoint": endpoint, "keys": keys}).json()["id"]
    call("DELETE", "/push/subscriptions", json={"endpoint": endpoint})
    call("DELETE", f"/push/subscriptions/{one}")
    one = call("POST", "/push/devices", json={"token": "a-token-of-fcm", "platform": "ios"}).json()["id"]
    call("DELETE", "/push/devices", json={"token": "a-token-of-fcm"})
    call("DELETE", f"/push/devices/{one}")
    hours = {"from": "22:00", "to": "07:00", "timeZone": "Europe/Vienna"}
    call("PATCH", "/push/settings", json={"doNotDisturb": hours})
    call("GET", "/push/settings")
    call("GET", "/push/outbox")


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


def own_data(call: Call, ben: Account, message_id: str, server: Stack) -> None:
    """Search, blocks, reports and one's own data."""
    call("GET", "/search", params={"q": "hello"})
    call("PUT", f"/blocks/{ben.user_id}")
    call("GET", "/blocks")
    call("DELETE", f"/blocks/{ben.user_id}")
    report = call("POST", f"/messages/{message_id}/report", json={"reason": "spam"}, token=ben.access_token).json()
    engine = create_engine(server.env["DATABASE_URL"])
    with engine.begin() as conn:
        conn.execute(text("UPDATE users SET is_admin = true WHERE id = :id"), {"id": ben.user_id})
    engine.dispose()
    call("GET", "/admin/audit", params={"limit": 1}, token=ben.access_token)
    call("GET", "/admin/reports", token=ben.access_token)
    call("PATCH", f"/admin/reports/{report['id']}", json={"state": "reviewing"}, token=ben.access_token)
    export = call("POST", "/me/export").json()["exportId"]
    call("GET", f"/me/exports/{export}")
    gone = register(server.base_url)
    suspension = f"/admin/users/{gone.user_id}/suspension"
    call("PUT", suspension, json={"reason": "spam", "until": "2999-01-01"}, token=ben.access_token)
    call("GET", "/me", token=gone.access_token)
    call("DELETE", suspension, token=ben.access_token)
    call("DELETE", "/me", json={"password": gone.password}, token=gone.access_token)


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


def unannounced_ends(call: Call, server: Stack) -> None:
    """Ends sign-ins while Redis refuses what every process reads: the list of ended ones has another type."""
    account = {"username": f"u{uuid.uuid4().hex[:12]}", "password": "correct horse battery"}
    token = call("POST", "/auth/register", json={**account, "displayName": "Cyd"}, token=None).json()["accessToken"]
    for _ in range(2):
        call("POST", "/auth/login", json=account, token=None)
    call("PUT", "/server/users/yan", json={}, token=SERVER_KEY)
    call("POST", "/server/users/yan/tokens", json={}, token=SERVER_KEY)
    other = next(
        row["id"] for row in call("GET", "/auth/sessions", token=token).json()["sessions"] if not row["current"]
    )
    with server.stores.valkey.client() as redis:
        redis.rename(keys.REVOKED, "kept")
        redis.set(keys.REVOKED, "no list")
        try:
            call("POST", "/server/users/yan/sessions/end", token=SERVER_KEY)
            call("DELETE", f"/auth/sessions/{other}", token=token)
            call("POST", "/auth/sessions/end-others", token=token)
            call("POST", "/auth/login", json=account, token=None)
            passwords = {"current": "correct horse battery", "new": "another horse battery"}
            call("POST", "/auth/password", json=passwords, token=token)
            call("POST", "/auth/logout", token=token)
        finally:
            redis.rename("kept", keys.REVOKED)


def expect_unconfirmed(call: Call, requests: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Makes all requests at once; each waits for the store until it is answered with 202."""
    with ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(lambda one: call(one[0], one[1], **one[2]), requests))
    assert [answer.status_code for answer in answers] == [202] * len(requests)


def unconfirmed_changes(call: Call, server: Stack, ben: Account) -> None:
    """Makes changes while nothing is stored: each to a group and to a message of its own."""
    groups = [(make_group(call, ben), change) for change in make_group_changes(ben)]
    messages = [
        (call("POST", "/messages", json={"receiverId": ben.user_id, "message": "m"}).json()["id"], change)
        for change in message_changes()
    ]
    # otherwise the addition would change nothing
    call("DELETE", f"/conversations/{groups[3][0]}/members/{ben.user_id}")
    for id_, (method, path, _) in messages:
        if method == "DELETE" and path:
            call("PUT", f"/messages/{id_}{path}")
    users = {"users": [{"externalId": "zoe"}, {"externalId": "yan"}]}
    call("POST", "/server/users", json=users, token=SERVER_KEY)
    rooms = [f"/server/conversations/room-{n}" for n in range(len(host_changes()))]
    for room in rooms:
        call("PUT", room, json={"kind": "group", "members": ["zoe"]}, token=SERVER_KEY)
    news = {"conversation": "room-0", "message": "news"}
    one, two = (call("POST", "/server/messages", json=news, token=SERVER_KEY).json()["id"] for _ in range(2))
    grown = [call("POST", "/streams", json={"receiverId": ben.user_id}).json()["id"] for _ in range(2)]
    in_room = {"conversation": "room-0", "sender": "zoe"}
    grown.append(call("POST", "/server/streams", json=in_room, token=SERVER_KEY).json()["id"])
    server.kill_worker(0)
    try:
        expect_unconfirmed(
            call,
            [
                ("POST", f"/streams/{grown[0]}/end", {}),
                ("POST", f"/messages/{grown[1]}/stop", {}),
                ("POST", f"/server/streams/{grown[2]}/end", {"token": SERVER_KEY}),
                ("POST", "/streams", {"json": {"receiverId": ben.user_id}}),
                ("POST", "/server/streams", {"json": in_room, "token": SERVER_KEY}),
            ],
        )
        hosts = [
            (method, room + path, {"json": body, "token": SERVER_KEY})
            for room, (method, path, body) in zip(rooms, host_changes(), strict=True)
        ]
        hosts.append(("POST", "/server/messages", {"json": news, "token": SERVER_KEY}))
        hosts.append(("PATCH", f"/server/messages/{one}", {"json": {"message": "old"}, "token": SERVER_KEY}))
        hosts.append(("DELETE", f"/server/messages/{two}", {"token": SERVER_KEY}))
        expect_unconfirmed(call, hosts)
        requests = [(f"/conversations/{i}", change) for i, change in groups]
        requests += [(f"/messages/{i}", change) for i, change in messages]
        expect_unconfirmed(call, [(method, start + path, {"json": body}) for start, (method, path, body) in requests])
    finally:
        server.start_worker(0)
