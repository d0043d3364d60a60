"""REST: every error is problem JSON (section 8, RFC 9457)."""

from __future__ import annotations

import gzip
import http.client
import json
import uuid
from typing import Any

import pytest

from tests.contract.conftest import MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account
from tests.support.clients.raw_ws import open_socket
from tests.support.processes import Stack

JSON = {"Content-Type": "application/json"}

BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "invalid"),
    "not json": (b"hello", "invalid"),
    "cut short": (b'{"receiverId": 1', "invalid"),
    "an array": (b"[]", "invalid"),
    "null": (b"null", "invalid"),
    "not utf-8": (b'{"receiverId": 1, "message": "\xff\xfe"}', "invalid"),
    "deep": (b'{"receiverId": 1, "message": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "invalid"),
    "lone surrogate": (b'{"receiverId": 1, "message": "\\ud800"}', "invalid"),
    "NUL": (b'{"receiverId": 1, "message": "a\\u0000b"}', "invalid"),
    "too long": (json.dumps({"receiverId": 1, "message": "x" * 8001}).encode(), "too_large"),
    "far too long": (json.dumps({"receiverId": 1, "message": "x" * 200_000}).encode(), "too_large"),
    "no target": (b'{"message": "x"}', "invalid"),
    "two targets": (b'{"message": "x", "receiverId": 1, "conversationId": 1}', "invalid"),
    "id is no uuid": (b'{"message": "x", "receiverId": 1, "id": "abc"}', "invalid"),
    "wrong type": (b'{"message": "x", "receiverId": ["1"]}', "invalid"),
}
STATUS = {"invalid": 422, "too_large": 413}


@pytest.mark.parametrize("name", BODIES)
def test_bad_body_is_a_problem(rest: MakeRest, ann: Account, name: str) -> None:
    body, code = BODIES[name]
    with refused(code) as caught:
        rest(ann).request("POST", "/messages", content=body, headers=JSON)
    assert caught.value.status == STATUS[code]
    if code == "invalid":
        errors = caught.value.data["errors"]
        assert errors
        assert all(isinstance(e["field"], str) and isinstance(e["message"], str) for e in errors)


@pytest.mark.parametrize(
    ("method", "path", "code", "status"),
    [
        ("GET", "/nowhere", "not_found", 404),
        ("GET", "/conversations/abc", "not_found", 404),
        ("GET", "//me", "not_found", 404),
        ("GET", "/conversations//1", "not_found", 404),
        ("GET", "/conversations/99999999999999999999999999", "not_found", 404),
        ("GET", "/conversations/-1", "not_found", 404),
        ("DELETE", "/users", "method_not_allowed", 405),
        ("GET", "/presence", "invalid", 422),
        ("GET", "/presence?userIds=a,0", "invalid", 422),
        ("GET", "/messages/unread?limit=many", "invalid", 422),
        ("GET", "/messages/unread?conversationId=x", "invalid", 422),
        ("GET", "/conversations?limit=x", "invalid", 422),
    ],
)
def test_wrong_paths_and_queries_are_problems(
    rest: MakeRest, ann: Account, method: str, path: str, code: str, status: int
) -> None:
    with refused(code) as caught:
        rest(ann).request(method, path)
    assert caught.value.status == status


@pytest.mark.parametrize("body", [{}, {"kind": "other"}, {"kind": "direct"}, {"kind": "direct", "userId": ["1"]}])
def test_invalid_conversation_is_refused(rest: MakeRest, ann: Account, body: dict[str, Any]) -> None:
    with refused("invalid"):
        rest(ann).request("POST", "/conversations", json=body)


def test_problems_have_a_type_and_disclose_no_internals(rest: MakeRest, ann: Account) -> None:
    with refused("invalid") as caught:
        rest(ann).request("POST", "/messages", json={"receiverId": ["1"], "message": "my secret words"})
    assert "my secret words" not in json.dumps(caught.value.data)
    assert caught.value.data["type"]
    assert caught.value.data["title"]


def test_every_answer_has_a_request_id(rest: MakeRest, ann: Account) -> None:
    given = f"trace-{uuid.uuid4().hex}"
    assert rest(ann).request("GET", "/me", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    assert rest(ann).request("GET", "/me").headers["X-Request-ID"]


def test_nothing_is_cached_or_sniffed(rest: MakeRest, ann: Account) -> None:
    headers = rest(ann).request("GET", "/me").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/users?ids=0", "/users?ids=1,0", "/presence?userIds=0"])
def test_user_id_zero_is_refused(rest: MakeRest, ann: Account, path: str) -> None:
    with refused("invalid"):
        rest(ann).request("GET", path)


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /api/v1/users?q=%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 5000), 414, "uri_too_long"),
        (b"GET /api/v1/me HTTP/1.1\r\n%b\r\n" % (b"X-A: a\r\n" * 70), 431, "headers_too_large"),
        (b"GET /api/v1/me HTTP/1.1\r\nX-A: %b\r\n\r\n" % (b"a" * 9000), 431, "headers_too_large"),
        (b"GET /api/v1/me HTTP/1.1\r\nno colon\r\n\r\n", 400, "malformed_request"),
        (b"hello\r\n\r\n", 400, "malformed_request"),
    ],
)
def test_requests_that_are_refused_unread_get_problems(
    server: Stack, request_bytes: bytes, status: int, code: str
) -> None:
    with open_socket(server.base_url) as wire:
        wire.sendall(request_bytes)
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        problem = json.loads(answer.read())
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["requestId"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/presence?userIds=1,9086564065497306", "/users?ids=9086564065497306"])
def test_ids_beyond_javascript_numbers_are_refused(rest: MakeRest, ann: Account, path: str) -> None:
    with refused("invalid"):
        rest(ann).request("GET", path)


@pytest.mark.parametrize("path", ["/messages", "/conversations", "/media"])
def test_compressed_body_is_unsupported(rest: MakeRest, ann: Account, path: str) -> None:
    body = gzip.compress(json.dumps({"receiverId": ann.user_id, "message": "hello"}).encode())
    with refused("unsupported_media") as caught:
        rest(ann).request("POST", path, content=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert caught.value.data["detail"] == "The body must not be compressed."
    rest(ann).request("POST", "/auth/ticket", headers={"Content-Encoding": "gzip"})
    plain = {"receiverId": ann.user_id, "message": "hello"}
    rest(ann).json("POST", "/messages", json=plain, headers={"Content-Encoding": "identity"})
