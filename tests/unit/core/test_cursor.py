"""The text of a cursor."""

from __future__ import annotations

import pytest

from app.core.cursor import decode_cursor, encode_cursor, respelled


@pytest.mark.parametrize("version", [0, 1, 15, 16, 0x661680D2033FD])
def test_each_spelling_of_a_cursor_leads_to_the_other(version: int) -> None:
    one = encode_cursor(3, version)
    other = respelled(one)
    assert other != one
    assert respelled(other) == one
    assert decode_cursor(one) == decode_cursor(other) == (3, version)
