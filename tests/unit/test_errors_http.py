"""Errors over HTTP: each is an RFC 9457 problem with its code and discloses nothing internal."""

from __future__ import annotations

import logging

import pytest
import redis
from flask import Flask, abort
from sqlalchemy import exc
from werkzeug.exceptions import default_exceptions

from app.api import requests
from app.core.errors import Internal, Invalid, Overloaded, ParleyError, RateLimited, all_errors
from app.errors_http import install_error_handlers
from tests.support.api_client import Api, assert_problem

PUBLISHED = {
    "malformed_request": 400,
    "unauthorized": 401,
    "second_factor_required": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "stopped": 409,
    "too_large": 413,
    "uri_too_long": 414,
    "unsupported_media": 415,
    "invalid": 422,
    "rejected": 422,
    "rate_limited": 429,
    "headers_too_large": 431,
    "quota_exceeded": 403,
    "suspended": 403,
    "media_off": 501,
    "email_off": 501,
    "overloaded": 503,
    "internal": 500,
}


@pytest.fixture
def failing() -> Api:
    """An API whose GET /raise raises ``failing.app.config['ERROR']``."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 100
    install_error_handlers(app)
    requests.install(app)

    @app.get("/raise")
    def fail() -> None:
        raise app.config["ERROR"]

    @app.get("/abort/<int:status>")
    def refuse(status: int) -> None:
        abort(status)

    @app.get("/with-slash/")
    def with_slash() -> str:
        return ""

    @app.post("/body")
    def body() -> str:
        from flask import request

        return str(len(request.get_data()))

    return Api(app)


def test_codes_and_statuses_are_the_published_ones() -> None:
    assert {error.code: error.status for error in all_errors()} == PUBLISHED
    assert {error.code for error in all_errors() if error.retryable} == {"rate_limited", "overloaded"}


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_becomes_a_problem(failing: Api, kind: type[ParleyError]) -> None:
    failing.app.config["ERROR"] = kind("a developer's hint")
    answer = failing.get("/raise")
    problem = assert_problem(answer, kind.status, kind.code)
    assert problem["detail"] == "a developer's hint"
    assert problem["type"] == f"urn:parley:problem:{kind.code}"
    assert problem["requestId"] == answer.headers["X-Request-ID"]
    assert ("retryAfter" in problem) == kind.retryable
    assert ("Retry-After" in answer.headers) == kind.retryable


def test_retry_after_header_rounds_up_the_exact_value_of_the_body(failing: Api) -> None:
    for error in (RateLimited(retry_after=0.2), Overloaded(retry_after=0.2)):
        failing.app.config["ERROR"] = error
        answer = failing.get("/raise")
        assert answer.headers["Retry-After"] == "1"
        assert answer.get_json()["retryAfter"] == 0.2


def test_invalid_names_the_fields(failing: Api) -> None:
    failing.app.config["ERROR"] = Invalid.field("displayName", "is too long")
    problem = assert_problem(failing.get("/raise"), 422, "invalid")
    assert problem["errors"] == [{"field": "displayName", "message": "is too long"}]


@pytest.mark.parametrize("status", sorted(default_exceptions))
def test_every_framework_error_has_a_published_code(failing: Api, status: int) -> None:
    answer = failing.get(f"/abort/{status}")
    problem = answer.get_json()
    assert answer.content_type == "application/problem+json"
    assert PUBLISHED[problem["code"]] == answer.status_code
    assert answer.status_code < 500 or status >= 500
    if problem["code"] == "invalid":
        assert problem["errors"]


def test_unknown_routes_and_methods(failing: Api) -> None:
    assert_problem(failing.get("/nowhere"), 404, "not_found")
    answer = failing.post("/raise")
    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_redirect_is_not_an_error(failing: Api) -> None:
    answer = failing.get("/with-slash")
    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/with-slash/")


def test_body_over_the_limit_is_too_large(failing: Api) -> None:
    assert failing.post("/body", data=b"x" * 100).text == "100"
    assert_problem(failing.post("/body", data=b"x" * 101), 413, "too_large")


STORES_AWAY = [
    exc.OperationalError("SELECT secret", {}, Exception("connection refused")),
    exc.InterfaceError("SELECT secret", {}, Exception("closed")),
    exc.TimeoutError("pool"),
    redis.ConnectionError("refused"),
    redis.TimeoutError("timed out"),
    redis.BusyLoadingError("loading"),
]


@pytest.mark.parametrize("error", STORES_AWAY, ids=lambda error: type(error).__name__)
def test_unreachable_store_gives_overloaded(failing: Api, error: Exception) -> None:
    failing.app.config["ERROR"] = error
    problem = assert_problem(failing.get("/raise"), 503, "overloaded")
    assert problem["retryAfter"] > 0
    assert "secret" not in str(problem)


def test_unexpected_error_is_logged_and_hidden_from_the_client(failing: Api, caplog: pytest.LogCaptureFixture) -> None:
    failing.app.config["ERROR"] = RuntimeError("the innermost secret")
    with caplog.at_level(logging.ERROR):
        answer = failing.get("/raise", headers={"X-Request-ID": "trace-me-17"})
    problem = assert_problem(answer, 500, "internal")
    assert "innermost" not in answer.text
    assert problem["requestId"] == "trace-me-17"
    assert problem["detail"] == Internal.title
    assert "the innermost secret" in caplog.text


@pytest.mark.parametrize("given", ["short", "x" * 65, "with blank", 'with"quote', "ünïcode-id", "", "<script>aaa"])
def test_malformed_request_id_is_replaced(failing: Api, given: str) -> None:
    answer = failing.get("/nowhere", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32
