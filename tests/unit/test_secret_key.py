"""The signing key that `make run` keeps beside its data."""

from __future__ import annotations

from pathlib import Path

from app.config_checks import is_guessable
from dev import secret_key


def test_the_key_is_random_private_and_kept(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.mkdir()
    second.mkdir()
    key = secret_key.kept_in(first)
    assert not is_guessable(key)
    assert secret_key.kept_in(first) == key
    assert secret_key.kept_in(second) != key
    assert (first / secret_key.FILE).stat().st_mode & 0o777 == 0o600
