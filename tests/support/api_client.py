"""The REST API through Flask's test client, with the token in the header."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Account:
    id: int
    username: str
    access: str
    refresh: str


@dataclass(frozen=True)
class Api:
    app: Flask

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.app.test_client().open(path, method=method, headers=headers, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        if body is not None:
            options["json"] = body
        return self.call("POST", path, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def register(self, username: str | None = None, **fields: Any) -> Account:
        """Registers an account, under a fresh name unless one is given."""
        name = username or f"user-{next(_numbers)}"
        answer = self.post("/api/v1/auth/register", {"username": name, "password": PASSWORD, **fields})
        assert answer.status_code == 201, answer.text
        return account_of(answer)

    def log_in(self, username: str, password: str = PASSWORD) -> Account:
        answer = self.post("/api/v1/auth/login", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return account_of(answer)


def account_of(answer: TestResponse) -> Account:
    body = answer.get_json()
    user = body["user"]
    return Account(user["id"], user["username"], body["accessToken"], body["refreshToken"])


def assert_problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Checks that the answer is an RFC 9457 problem with this status and code, and returns its members."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = answer.get_json(force=True)
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["title"]
    return problem
