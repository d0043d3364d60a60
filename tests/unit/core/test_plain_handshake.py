"""A head is plain only if gunicorn's parser accepts it, and reads the same in it."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import event, given, settings
from hypothesis import strategies as st

from app.core.plain_handshake import MAX_FIELDS, MAX_HEAD_BYTES, read_plain_handshake

USUAL = {
    "Host": "chat.example:8000",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def head(*more: str, start: str = "GET /ws HTTP/1.1", **changes: str) -> bytes:
    fields = USUAL | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [start, *(f"{name}: {value}" for name, value in fields.items()), *more]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def test_usual_handshake_is_read_up_to_the_first_frame() -> None:
    data = head("Authorization: Bearer a.b.c", "ORIGIN: https://chat.example")
    fields, size = read_plain_handshake(data + b"\x81\x80abcd") or ({}, 0)
    assert size == len(data)
    assert fields == {name.lower(): value for name, value in USUAL.items()} | {
        "authorization": "Bearer a.b.c",
        "origin": "https://chat.example",
    }


@pytest.mark.parametrize("size", [0, 1, 17, 18, 40, -1])
def test_incomplete_head_is_not_plain(size: int) -> None:
    assert read_plain_handshake(head()[:size]) is None


@pytest.mark.parametrize(
    "data",
    [
        head(start="GET /ws?ticket=tkt_1 HTTP/1.1"),
        head(start="GET /ws/ HTTP/1.1"),
        head(start="GET http://chat.example/ws HTTP/1.1"),
        head(start="POST /ws HTTP/1.1"),
        head(start="GET /ws HTTP/1.0"),
        head(start="GET  /ws HTTP/1.1"),
        b"\r\n" + head(),
        head("Host: other.example"),
        head("Cookie: a=1", "cookie: b=2"),
        head("Content-Length: 0"),
        head("Transfer-Encoding: chunked"),
        head("Expect: 100-continue"),
        head("X-Forwarded-Ssl: on"),
        head("X_Forwarded_For: 10.0.0.1"),
        head("Folded: one\r\n two"),
        head("Space : before the colon"),
        head("Empty:"),
        head("Padded:  two spaces"),
        head("Trailing: space "),
        head("Bell: \x07"),
        head("Latin: \xe9"),
        head("No colon"),
        head("Bare: line\nfeed"),
        head("Bare: carriage\rreturn"),
        head(Upgrade="h2c"),
        head(Upgrade="websocket, h2c"),
        head(Host="user@chat.example"),
        head(Host="chat.example/path"),
        head(*(f"X-{number}: x" for number in range(MAX_FIELDS))),
        head(f"Long: {'x' * MAX_HEAD_BYTES}")[:MAX_HEAD_BYTES],
        head("Name" * 17 + ": longer than 64"),
    ],
)
def test_anything_unusual_is_left_to_gunicorn(data: bytes) -> None:
    assert read_plain_handshake(data) is None


ODD_NAMES = st.sampled_from([*USUAL, "cookie", "X_Forwarded_For", "Expect", "TE"]) | st.text(
    "aB-_ :\t\x00é", max_size=4
)
ODD_VALUES = st.sampled_from(["", " ", "100-continue", "chunked", "0"]) | st.text(" aB,:\t\r\n\x00\x7fé", max_size=6)
SEPARATORS, ENDS = st.sampled_from([": ", ":", " : ", ":  "]), st.sampled_from(["\r\n", "\n", "\r\n ", ""])
ODD_LINES = st.tuples(ODD_NAMES, SEPARATORS, ODD_VALUES, ENDS).map("".join)
NAMES = st.sampled_from(["Authorization", "Origin", "Cookie", "X-Forwarded-For", "User-Agent"])
LINES = st.tuples(NAMES, st.text(" aB,:;=~!", min_size=1, max_size=6)).map(lambda line: f"{line[0]}: {line[1]}\r\n")
STARTS = st.sampled_from(["GET /ws HTTP/1.1\r\n"] * 5 + ["GET /ws HTTP/1.0\r\n", "GET /ws?x HTTP/1.1\r\n", "\r\n"])


@given(st.lists(LINES, max_size=3), st.lists(ODD_LINES, max_size=1), STARTS)
@settings(max_examples=400, deadline=None)
def test_gunicorn_reads_the_same(lines: list[str], odd: list[str], start: str) -> None:
    usual = "".join(f"{name}: {value}\r\n" for name, value in USUAL.items())
    data = (start + usual + "".join(lines + odd) + "\r\n").encode("latin-1") + b"\x81\x80mask"
    found = read_plain_handshake(data)
    event("plain" if found else "left to gunicorn")
    if found is not None:
        fields, size = found
        unreader = IterUnreader([data])
        request = Request(config(), unreader, ("127.0.0.1", 1))
        assert (request.method, request.uri, request.version) == ("GET", "/ws", (1, 1))
        assert {name.lower(): value for name, value in request.headers} == fields
        assert len(request.headers) == len(fields)
        assert not request._expected_100_continue
        assert request.body.read() == b""
        assert unreader.take_buffered() == data[size:]


def config() -> Config:
    """Returns gunicorn's settings, with the limits of gunicorn.conf.py and the parser that it has without C."""
    made = Config()
    made.set("http_parser", "python")
    made.set("limit_request_fields", 64)
    return made
