"""Demo codes: good for their user and their key alone."""

from __future__ import annotations

import pytest

from app.core.demo_code import demo_code, demo_user

KEY = "a-key-of-one-run"


@pytest.mark.parametrize("name", ["alice", "bob", "a.b-c_d"])
def test_a_code_stands_for_its_user(name: str) -> None:
    assert demo_user(KEY, demo_code(KEY, name)) == name


@pytest.mark.parametrize("code", ["", ".", "alice", "alice.", "alice." + "0" * 32, "é.ß", demo_code("other", "alice")])
def test_what_was_not_signed_by_the_key_stands_for_nobody(code: str) -> None:
    assert demo_user(KEY, code) is None


def test_a_code_of_one_user_is_not_another_s() -> None:
    signature = demo_code(KEY, "alice").rpartition(".")[2]
    assert demo_user(KEY, f"bob.{signature}") is None


def test_an_empty_key_signs_nothing() -> None:
    assert demo_user("", demo_code("", "alice")) is None
