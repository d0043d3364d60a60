"""Users in a query string: Parley's ids, and those of the host."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.core.user_refs import user_refs


@pytest.mark.parametrize(
    ("text", "refs"),
    [
        ("7", [7]),
        ("7,zoe,8", [7, "zoe", 8]),
        ('"7",7', ["7", 7]),
        (r'"a,b","say \"hi\"",x"y', ["a,b", 'say "hi"', 'x"y']),
        ("ü-字 1,a/b", ["ü-字 1", "a/b"]),
        ("٣", ["٣"]),  # a digit of another script does not make a number
        (str(2**53 - 1), [2**53 - 1]),
    ],
)
def test_numbers_are_ours_and_other_texts_the_hosts(text: str, refs: list[int | str]) -> None:
    assert user_refs(text, "userIds", 10) == refs


@pytest.mark.parametrize(
    "text", ["", ",", "1,", ",1", "1,,2", "0", "1" * 17, str(2**53), '"', '""', '"a"b', '"\\q"', "x" * 129]
)
def test_other_texts_are_invalid_and_name_the_field(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        user_refs(text, "userIds", 10)
    assert caught.value.extra["errors"][0]["field"] == "userIds"


def test_names_no_more_than_the_maximum() -> None:
    assert len(user_refs("1,2", "ids", 2)) == 2
    with pytest.raises(Invalid):
        user_refs("1,2,3", "ids", 2)
