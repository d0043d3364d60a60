"""The text of notifications and their maximum size."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.push_notice import PAYLOAD_BYTES, Message, Notice, encode, notice_of, shortened, strictest

DIRECT = Message(7, "id", 3, 1, "Ann", None, "Hello", None, "2026-01-01T00:00:00.000Z")


def words(preview: str, **changes: object) -> tuple[str, str]:
    values = {name: getattr(DIRECT, name) for name in DIRECT.__struct_fields__}
    notice = notice_of(Message(**{**values, **changes}), preview=preview, unread=2, badge=5)
    return notice.title, notice.body


def test_text_depends_on_the_preview() -> None:
    assert words("full") == ("Ann", "Hello")
    assert words("sender") == ("Ann", "New message")
    assert words("none") == ("2 new messages", "")
    assert words("full", group="Club") == ("Club", "Ann: Hello")
    assert words("sender", group="Club") == ("Club", "Ann: New message")
    assert words("none", group="Club") == ("2 new messages", "")
    assert words("full", text="", attached="image") == ("Ann", "Photo")
    assert words("full", text=None, attached="file") == ("Ann", "File")
    assert words("full", text="Look", attached="image") == ("Ann", "Look")


def test_strictest_preview_wins() -> None:
    assert [strictest("full", "sender"), strictest("none", "full"), strictest("full", "full")] == [
        "sender",
        "none",
        "full",
    ]


@given(st.text(max_size=8000), st.text(min_size=1, max_size=200), st.none() | st.text(min_size=1, max_size=200))
def test_notice_fits_for_any_content(text: str, sender: str, group: str | None) -> None:
    text, sender = (t.encode("utf-8", "replace").decode() for t in (text, sender))
    group = group.encode("utf-8", "replace").decode() if group is not None else None
    message = Message(2**53, "0" * 36, 2**53, 2**53, sender, group, text, None, DIRECT.sent_at)
    notice = notice_of(message, preview="full", unread=10_000, badge=10_000_000)
    encoded = encode(notice)
    assert len(encoded) <= PAYLOAD_BYTES
    assert json.loads(encoded)["type"] == "message"
    assert len(encode(shortened(notice))) <= len(encoded)
    assert len(notice.tag) <= 32


def test_notice_of_control_characters_fits_at_six_bytes_each() -> None:
    notice = notice_of(
        Message(1, "i", 1, 1, "\x01" * 120, "\x01" * 120, "\x01" * 8000, None, ""), preview="full", unread=1, badge=1
    )
    assert isinstance(notice, Notice)
    assert len(encode(notice)) <= PAYLOAD_BYTES


@pytest.mark.parametrize("preview", ["full", "sender", "none"])
def test_sender_id_is_sent_only_if_the_preview_shows_the_sender(preview: str) -> None:
    notice = notice_of(DIRECT, preview=preview, unread=1, badge=1)
    assert (b'"senderId":1' in encode(notice)) == (preview != "none")
