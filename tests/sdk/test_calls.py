"""The requests of both clients: paths, absent fields, retries, errors. A stand-in answers in place of the network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import parley_sdk
import pytest
from parley_sdk import (
    APIError,
    AsyncParleyServer,
    Conflict,
    ConnectionFailed,
    Invalid,
    NotFound,
    Overloaded,
    ParleyServer,
    RateLimited,
    Rejected,
    Retry,
)

KEY = "psk_test"
QUICK = Retry(first_pause=0.001)
Answer = httpx.Response | Exception
Use = Callable[[Any], Any]


class Answers:
    """Gives the answers of the test in order, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def run_sync(answers: Answers, use: Use, retry: Retry) -> Any:
    with ParleyServer("http://parley.test", KEY, retry=retry, transport=httpx.MockTransport(answers)) as server:
        return use(server)


def run_async(answers: Answers, use: Use, retry: Retry) -> Any:
    async def run() -> Any:
        transport = httpx.MockTransport(answers)
        async with AsyncParleyServer("http://parley.test", KEY, retry=retry, transport=transport) as server:
            return await use(server)

    return asyncio.run(run())


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    def runs(answers: Answers, use: Use, retry: Retry = QUICK) -> Any:
        return request.param(answers, use, retry)

    return runs


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "status": status, "title": code, **more})


def ok(body: Any = None) -> httpx.Response:
    return httpx.Response(200, json=body if body is not None else {})


Run = Callable[..., Any]


def test_key_and_json_are_sent(run: Run):
    answers = Answers(ok({"id": 7}))
    assert run(answers, lambda s: s.users.put("4711", display_name="Änn")) == {"id": 7}
    (request,) = answers.requests
    assert (request.method, request.url.path) == ("PUT", "/api/v1/server/users/4711")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert answers.bodies == [{"displayName": "Änn"}]


@pytest.mark.parametrize(
    ("external_id", "sent"),
    [("a/b", "a%2Fb"), ("ü ?#%", "%C3%BC%20%3F%23%25"), ("..", "%2E%2E"), (".", "%2E"), ("a..b", "a..b"), ("+", "%2B")],
)
def test_ids_in_paths_are_encoded(run: Run, external_id: str, sent: str):
    answers = Answers(ok())
    run(answers, lambda s: s.users.get(external_id))
    assert answers.requests[0].url.raw_path == f"/api/v1/server/users/{sent}".encode()


@pytest.mark.parametrize("wrong", ["", 7, None])
def test_an_id_that_is_no_text_is_refused_before_it_is_sent(run: Run, wrong: Any):
    answers = Answers(ok())
    with pytest.raises(ValueError, match="not empty"):
        run(answers, lambda s: s.users.end_sessions(wrong))
    assert answers.requests == []


def test_absent_fields_are_not_sent_and_none_removes(run: Run):
    answers = Answers(ok())
    run(answers, lambda s: s.users.put("4711", email=None))
    assert answers.bodies == [{"email": None}]


def test_empty_answers_are_none(run: Run):
    assert run(Answers(httpx.Response(204)), lambda s: s.users.unsuspend("4711")) is None


def test_a_prefix_in_the_address_is_kept():
    answers = Answers(ok())
    with ParleyServer("http://shop.test/chat/", KEY, transport=httpx.MockTransport(answers)) as server:
        server.users.get("4711")
    assert answers.requests[0].url.path == "/chat/api/v1/server/users/4711"


def test_an_address_without_scheme_is_refused():
    with pytest.raises(ValueError, match="https"):
        ParleyServer("chat.example", KEY)


# -- errors --------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (problem(404, "not_found"), NotFound),
        (problem(409, "conflict"), Conflict),
        (problem(409, "stopped"), parley_sdk.Stopped),
        (problem(403, "suspended"), parley_sdk.Suspended),
        (problem(422, "invalid", errors=[{"field": "email", "message": "no"}]), Invalid),
        (problem(422, "rejected", reason="spam"), Rejected),
        (problem(418, "a_later_code"), APIError),
    ],
)
def test_problems_are_exceptions_of_their_code(run: Run, answer: httpx.Response, expected: type[APIError]):
    with pytest.raises(APIError) as caught:
        run(Answers(answer), lambda s: s.users.get("4711"))
    assert type(caught.value) is expected
    assert (caught.value.status, caught.value.code) == (answer.status_code, answer.json()["code"])


def test_wrong_fields_and_reasons_are_shown(run: Run):
    wrong = problem(422, "invalid", errors=[{"field": "email", "message": "no address"}], requestId="r1")
    with pytest.raises(Invalid, match="email: no address") as caught:
        run(Answers(wrong), lambda s: s.users.get("4711"))
    assert caught.value.errors == [{"field": "email", "message": "no address"}]
    assert caught.value.request_id == "r1"
    with pytest.raises(Rejected) as rejected:
        run(Answers(problem(422, "rejected", reason="spam")), lambda s: s.messages.send("x", conversation="c"))
    assert rejected.value.reason == "spam"


def test_an_answer_of_a_proxy_has_a_code_too(run: Run):
    with pytest.raises(Overloaded):
        run(Answers(httpx.Response(502, text="<html>bad gateway")), lambda s: s.users.get("4711"))
    with pytest.raises(APIError, match="internal"):
        run(Answers(httpx.Response(500, json=["no object"])), lambda s: s.users.get("4711"))
    with pytest.raises(APIError, match="not JSON"):
        run(Answers(httpx.Response(200, text="<html>hello")), lambda s: s.users.get("4711"))


# -- retries --------------------


def test_a_send_repeats_with_the_same_id(run: Run):
    answers = Answers(httpx.ReadTimeout("slow"), problem(503, "overloaded"), ok({"status": "stored"}))
    assert run(answers, lambda s: s.messages.send("Hello", conversation="order-1"))["status"] == "stored"
    first, second, third = answers.bodies
    assert first == second == third
    assert first["id"][14] == "7"


def test_two_sends_have_different_ids(run: Run):
    answers = Answers(ok())
    run(answers, lambda s: s.messages.send("Hello", conversation="order-1"))
    run(answers, lambda s: s.messages.send("Hello", conversation="order-1"))
    assert answers.bodies[0]["id"] != answers.bodies[1]["id"]


def test_a_batch_gets_ids_and_keeps_given_ones(run: Run):
    answers = Answers(httpx.ReadError("cut"), ok({"results": []}))
    given = {"conversation": "c", "message": "x", "id": "018f4e2a-0000-7000-8000-000000000001"}
    run(answers, lambda s: s.messages.send_many([given, {"conversation": "c", "message": "y"}]))
    first, second = answers.bodies
    assert first == second
    assert first["messages"][0] == given
    assert first["messages"][1]["id"]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), problem(503, "overloaded")])
def test_a_call_that_must_not_happen_twice_is_not_repeated(run: Run, failure: Answer):
    answers = Answers(failure, ok())
    with pytest.raises((ConnectionFailed, Overloaded)):
        run(answers, lambda s: s.webhooks.create("https://shop.example/hook"))
    assert len(answers.requests) == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), problem(429, "rate_limited", retryAfter=0)])
def test_a_call_that_was_not_carried_out_is_repeated(run: Run, failure: Answer):
    answers = Answers(failure, ok({"webhookId": 1}))
    assert run(answers, lambda s: s.webhooks.create("https://shop.example/hook")) == {"webhookId": 1}


@pytest.mark.parametrize(
    "status", [(400, "malformed_request"), (404, "not_found"), (422, "invalid"), (500, "internal")]
)
def test_other_errors_are_not_repeated(run: Run, status: tuple[int, str]):
    answers = Answers(problem(*status))
    with pytest.raises(APIError):
        run(answers, lambda s: s.users.get("4711"))
    assert len(answers.requests) == 1


def test_attempts_are_bounded_and_the_cause_is_kept(run: Run):
    answers = Answers(httpx.ConnectError("refused"))
    with pytest.raises(ConnectionFailed, match="refused") as caught:
        run(answers, lambda s: s.users.get("4711"), Retry(attempts=3, first_pause=0.001))
    assert len(answers.requests) == 3
    assert not caught.value.sent
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


def test_a_longer_wait_than_allowed_is_left_to_the_caller(run: Run):
    answers = Answers(httpx.Response(429, headers={"Retry-After": "60"}, json={"code": "rate_limited"}))
    with pytest.raises(RateLimited) as caught:
        run(answers, lambda s: s.users.get("4711"), Retry(first_pause=0.001, longest_pause=5))
    assert (caught.value.retry_after, len(answers.requests)) == (60.0, 1)


def test_pauses_grow_and_follow_the_server():
    request: Any = parley_sdk.server.Users.get.request(parley_sdk.server.Users.get.build(None, "4711"))
    retry = Retry(attempts=100, first_pause=1.0, longest_pause=8.0)
    down = ConnectionFailed("down", sent=True)
    pauses = [retry.pause(request, down, attempt) for attempt in (1, 2, 3, 4, 5, 60)]
    assert all(bound / 2 <= (pause or 0) <= bound for pause, bound in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True))
    busy = Overloaded(503, {"code": "overloaded", "retryAfter": 7})
    assert (retry.pause(request, busy, 1) or 0) >= 7


# -- feed --------------------


def test_following_the_feed_moves_the_cursor_and_skips_empty_pages():
    page = {"events": [{"id": "e1", "type": "message.created", "createdAt": "", "data": {}}], "cursor": "c2"}
    answers = Answers(ok({"events": [], "cursor": "c1"}), ok(page))
    with ParleyServer("http://parley.test", KEY, transport=httpx.MockTransport(answers)) as server:
        assert next(server.events.follow("c0", types=["message.created", "user.online"])) == page
    first, second = answers.requests
    assert dict(first.url.params) == {"cursor": "c0", "wait": "25", "types": "message.created,user.online"}
    assert second.url.params["cursor"] == "c1"
    assert first.extensions["timeout"]["read"] > 25


def test_following_the_feed_shows_that_events_were_lost():
    lost = {"events": [], "cursor": "c1", "lost": True}
    answers = Answers(ok(lost), ok({"events": [{"id": "e2"}], "cursor": "c2"}))
    with ParleyServer("http://parley.test", KEY, transport=httpx.MockTransport(answers)) as server:
        assert next(server.events.follow("c0")) == lost


def test_an_import_sends_one_object_a_line(run: Run):
    answers = Answers(httpx.Response(202, json={"importId": 1}))
    run(answers, lambda s: s.imports.start([{"type": "user", "externalId": "ü"}, {"type": "message"}]))
    (request,) = answers.requests
    assert request.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in request.content.splitlines()] == [
        {"type": "user", "externalId": "ü"},
        {"type": "message"},
    ]


def test_an_answer_that_cannot_be_decoded_is_a_failed_connection(run: Run):
    answers = Answers(httpx.DecodingError("bad gzip"))
    with pytest.raises(ConnectionFailed, match="bad gzip"):
        run(answers, lambda s: s.users.get("4711"))


# -- streams --------------------


def test_a_stream_counts_its_characters_and_ends(run: Run):
    answers = Answers(ok({"id": "s1", "conversationId": 1, "seq": 1}))
    texts = ["Grü", "ße 👋🏽", "!"]

    def write(server: Any) -> Any:
        if isinstance(server, AsyncParleyServer):
            return write_async(server)
        with server.streams.open("order-1", "helper", id="s1", metadata={"model": "x"}) as stream:
            for text in texts:
                stream.write(text)
        return None

    async def write_async(server: AsyncParleyServer) -> None:
        async with server.streams.open("order-1", "helper", id="s1", metadata={"model": "x"}) as stream:
            for text in texts:
                await stream.write(text)

    run(answers, write)
    assert [request.url.path.rpartition("/")[2] for request in answers.requests] == ["streams", *["append"] * 3, "end"]
    assert answers.bodies[1:] == [
        {"from": 0, "text": "Grü"},
        {"from": 3, "text": "ße 👋🏽"},
        {"from": 8, "text": "!"},
        {},
    ]


def test_a_stopped_stream_says_so_and_an_error_ends_the_stream():
    stopped = problem(409, "stopped")
    answers = Answers(ok({"id": "s1"}), stopped, stopped)
    with ParleyServer("http://parley.test", KEY, transport=httpx.MockTransport(answers)) as server:
        with pytest.raises(parley_sdk.Stopped), server.streams.open("order-1", "helper") as stream:
            stream.write("Hello")
        answers.answers[:] = [ok({"id": "s1"})]
        with pytest.raises(KeyError), server.streams.open("order-1", "helper"):
            raise KeyError
    assert answers.requests[-1].url.path.endswith("/end")
