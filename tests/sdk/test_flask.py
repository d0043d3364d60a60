"""The Flask extension: tokens, webhooks as signals, the widget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from flask import Flask, render_template_string
from parley_sdk import NotFound, Webhook
from parley_sdk.before_send import reject, rewrite
from parley_sdk.flask import ParleyExtension, signal_for, webhook_received

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
BODY = json.dumps({"id": "evt_1", "type": "message.created", "createdAt": "", "data": {"id": "m1"}}).encode()


@dataclass
class Person:
    id: int


class UserService:
    """Answers the calls for users, and keeps them."""

    def __init__(self) -> None:
        self.users: dict[str, Any] = {}
        self.calls: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"null")
        path = request.url.path.removeprefix("/api/v1/server/users/")
        self.calls.append((request.method, path, body))
        user, _, act = path.partition("/")
        if act != "tokens":
            self.users[user] = body
            return httpx.Response(201, json={"externalId": user})
        if user not in self.users:
            return httpx.Response(404, json={"code": "not_found", "status": 404})
        return httpx.Response(201, json={"accessToken": f"token of {user}", "expiresAt": "", "user": {}})


@pytest.fixture
def users() -> UserService:
    return UserService()


def make_app(users: UserService, **config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(
        PARLEY_URL="http://parley.internal",
        PARLEY_PUBLIC_URL="https://chat.example/",
        PARLEY_KEY="psk_test",
        PARLEY_WEBHOOK_SECRETS=[SECRET],
        PARLEY_CLIENT_OPTIONS={"transport": httpx.MockTransport(users)},
        **config,
    )
    return app


@pytest.fixture
def app(users: UserService) -> Flask:
    return make_app(users)


@pytest.fixture
def parley(app: Flask) -> ParleyExtension:
    return ParleyExtension(app)


# -- tokens --------------------


def test_a_token_creates_the_user_at_first(app: Flask, parley: ParleyExtension, users: UserService):
    with app.app_context():
        assert parley.token_for(Person(4711)) == "token of 4711"
        assert parley.token_for(Person(4711), expires_in=60) == "token of 4711"
    assert [call[:2] for call in users.calls] == [
        ("POST", "4711/tokens"),
        ("PUT", "4711"),
        ("POST", "4711/tokens"),
        ("POST", "4711/tokens"),
    ]
    assert users.calls[-1][2] == {"refresh": False, "expiresIn": 60}


def test_a_token_writes_the_fields_of_the_user(app: Flask, parley: ParleyExtension, users: UserService):
    @parley.user_fields
    def fields(user: Person) -> dict[str, Any]:
        return {"display_name": f"Person {user.id}", "email": None}

    @parley.user_id
    def external_id(user: Person) -> str:
        return f"person-{user.id}"

    with app.app_context():
        parley.token_for(Person(7))
    assert users.users == {"person-7": {"displayName": "Person 7", "email": None}}


def test_a_user_without_an_id_is_refused(app: Flask, parley: ParleyExtension, users: UserService):
    with app.app_context(), pytest.raises(ValueError, match="no id"):
        parley.token_for(Person(None))  # type: ignore[arg-type]
    assert users.calls == []


def test_errors_of_the_server_come_through():
    def gone(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json={"code": "not_found", "status": 404})

    app = make_app(gone)  # type: ignore[arg-type]
    extension = ParleyExtension(app)
    with app.app_context(), pytest.raises(NotFound):
        extension.token_for(Person(7))


def test_the_widget_gets_tokens_of_the_signed_in_user(app: Flask, parley: ParleyExtension):
    signed_in: list[Person | None] = [None]
    parley.current_user(lambda: signed_in[0])
    client = app.test_client()
    assert client.get("/parley/token").status_code == 401
    signed_in[0] = Person(7)
    answer = client.get("/parley/token")
    assert answer.json == {"accessToken": "token of 7"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_widget_is_a_macro(app: Flask, parley: ParleyExtension):
    page = "{% from 'parley/widget.html' import parley_chat %}{{ parley_chat(conversation=name, launcher=true) }}"
    with app.test_request_context():
        html = render_template_string(page, name='"><script>')
    assert '<script type="module" src="https://chat.example/client/widget.js"></script>' in html
    assert (
        '<parley-chat server="https://chat.example" token-url="/parley/token"'
        ' conversation="&#34;&gt;&lt;script&gt;" launcher></parley-chat>' in html
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [("order-1", "order-1"), (4711, "4711"), ("4711", "&#34;4711&#34;"), ('a"b', "a&#34;b")],
)
def test_ids_in_the_widget_are_those_of_the_host_unless_they_are_numbers(
    app: Flask, parley: ParleyExtension, given: Any, shown: str
):
    page = "{% from 'parley/widget.html' import parley_chat %}{{ parley_chat(recipient=given, theme='dark') }}"
    with app.test_request_context():
        html = render_template_string(page, given=given)
    assert f' recipient="{shown}" theme="dark"></parley-chat>' in html


# -- webhooks --------------------


@pytest.fixture
def received() -> Iterator[list[tuple[str, Any, str]]]:
    """The signals that were sent, with their sender and the id of the event."""
    seen: list[tuple[str, Any, str]] = []

    def any_event(sender: Any, event: Any) -> None:
        seen.append(("any", sender, event.id))

    def created(sender: Any, event: Any) -> None:
        seen.append(("created", sender, event.id))

    def deleted(sender: Any, event: Any) -> None:
        seen.append(("deleted", sender, event.id))

    with (
        webhook_received.connected_to(any_event),
        signal_for("message.created").connected_to(created),
        signal_for("message.deleted").connected_to(deleted),
    ):
        yield seen


def test_a_verified_webhook_sends_its_signals(app: Flask, parley: ParleyExtension, received: list[Any]):
    answer = app.test_client().post("/parley/webhook", data=BODY, headers=Webhook(SECRET).sign("evt_1", BODY))
    assert answer.status_code == 204
    assert received == [("any", app, "evt_1"), ("created", app, "evt_1")]


@pytest.mark.parametrize(
    "headers", [{}, Webhook(SECRET).sign("evt_1", BODY, timestamp=1), Webhook(OTHER).sign("evt_1", BODY)]
)
def test_other_requests_are_refused(app: Flask, parley: ParleyExtension, received: list[Any], headers: dict[str, str]):
    answer = app.test_client().post("/parley/webhook", data=BODY, headers=headers)
    assert (answer.status_code, received) == (401, [])


def test_a_large_body_is_refused_before_it_is_read(app: Flask, parley: ParleyExtension, received: list[Any]):
    answer = app.test_client().post("/parley/webhook", data=b"x" * (8 * 1024 * 1024 + 1))
    assert (answer.status_code, received) == (413, [])


def test_a_receiver_that_raises_lets_parley_deliver_again(app: Flask, parley: ParleyExtension):
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail(_: Any, event: Any) -> None:
        raise KeyError(event.id)

    with webhook_received.connected_to(fail):
        answer = app.test_client().post("/parley/webhook", data=BODY, headers=Webhook(SECRET).sign("evt_1", BODY))
    assert answer.status_code == 500


def test_without_a_secret_there_is_no_webhook(users: UserService, received: list[Any]):
    app = make_app(users)
    app.config["PARLEY_WEBHOOK_SECRETS"] = ()
    ParleyExtension(app)
    answer = app.test_client().post("/parley/webhook", data=BODY, headers=Webhook(SECRET).sign("evt_1", BODY))
    assert (answer.status_code, received) == (404, [])


# -- the hook before sending --------------------


def ask(app: Flask, *texts: str, secret: str = SECRET) -> Any:
    body = json.dumps({"messages": [{"id": str(n), "message": each} for n, each in enumerate(texts)]}).encode()
    return app.test_client().post("/parley/before-send", data=body, headers=Webhook(secret).sign("msg_1", body))


def test_messages_are_allowed_rewritten_and_rejected(app: Flask, parley: ParleyExtension):
    @parley.before_send
    def decide(message: dict[str, Any]) -> dict[str, Any] | None:
        if "spam" in message["message"]:
            return reject("no advertising")
        return rewrite(message="****") if "damn" in message["message"] else None

    assert ask(app, "hello", "damn", "spam").json == {
        "results": [
            {"action": "allow"},
            {"action": "rewrite", "message": "****"},
            {"action": "reject", "reason": "no advertising"},
        ]
    }
    assert ask(app, "spam", secret=OTHER).status_code == 401


def test_without_a_function_there_is_no_hook(app: Flask, parley: ParleyExtension):
    assert ask(app, "hello").status_code == 404


# -- configuration --------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"PARLEY_URL": ""}, "PARLEY_URL"),
        ({"PARLEY_KEY": None}, "PARLEY_KEY"),
        ({"PARLEY_URL": "chat.example"}, "https"),
        ({"PARLEY_WEBHOOK_SECRETS": ["secret!"]}, "secret"),
    ],
)
def test_wrong_settings_end_the_start(users: UserService, wrong: dict[str, Any], message: str):
    app = make_app(users)
    app.config.update(wrong)
    with pytest.raises(RuntimeError, match=message):
        ParleyExtension(app)


def test_two_applications_share_one_extension(users: UserService):
    extension, others = ParleyExtension(), UserService()
    one, two = make_app(users), make_app(others, PARLEY_URL_PREFIX="/chat")
    extension.init_app(one)
    extension.init_app(two)
    with two.app_context():
        extension.token_for(Person(2))
    assert (len(users.users), list(others.users)) == (0, ["2"])
    assert two.test_client().post("/chat/webhook").status_code == 401


def test_an_application_without_the_extension_is_named():
    extension = ParleyExtension()
    with Flask("other").app_context(), pytest.raises(RuntimeError, match="init_app"):
        extension.token_for(Person(2))
