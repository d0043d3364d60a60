"""Demo codes are valid only for their own user and with the key that signed them."""

from __future__ import annotations

import pytest

from app.core.demo_code import demo_code, demo_user

KEY = "a-key-of-one-run"


@pytest.mark.parametrize("name", ["alice", "bob", "a.b-c_d"])
def test_code_returns_its_user(name: str) -> None:
    assert demo_user(KEY, demo_code(KEY, name)) == name


@pytest.mark.parametrize("code", ["", ".", "alice", "alice.", "alice." + "0" * 32, "é.ß", demo_code("other", "alice")])
def test_code_not_signed_by_the_key_is_rejected(code: str) -> None:
    assert demo_user(KEY, code) is None


def test_signature_of_one_user_is_rejected_for_another() -> None:
    signature = demo_code(KEY, "alice").rpartition(".")[2]
    assert demo_user(KEY, f"bob.{signature}") is None


def test_empty_key_accepts_no_code() -> None:
    assert demo_user("", demo_code("", "alice")) is None
