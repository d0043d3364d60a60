"""The pictures, files and links of a conversation: newest first, in pages, and only those that the caller sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, RestClient
from tests.support.media_files import image_bytes

Send = Callable[..., str]


def page(rest: RestClient, conversation_id: int, kind: str, **query: Any) -> dict[str, Any]:
    return rest.json("GET", f"/conversations/{conversation_id}/media", params={"kind": kind, **query})


def texts(rest: RestClient, conversation_id: int, kind: str, **query: Any) -> list[str]:
    return [message["message"] for message in page(rest, conversation_id, kind, **query)["messages"]]


@pytest.fixture
def send(rest: MakeRest, made: int, ann: Account) -> Send:
    """Sends a message of Ann with these files; returns its id."""

    def act(message: str, *files: str) -> str:
        types = {"p": ("p.jpg", "image/jpeg"), "f": ("f.txt", "text/plain")}
        uploaded = [rest(ann).upload(made, image_bytes() if f == "p" else b"text", *types[f])["mediaId"] for f in files]
        attachments = [{"mediaId": id_} for id_ in uploaded]
        return str(rest(ann).send(conversation_id=made, message=message, attachments=attachments)["id"])

    return act


def test_messages_are_listed_by_the_kind_of_their_media(rest: MakeRest, made: int, ben: Account, send: Send) -> None:
    for message, files in (("one", "p"), ("two", "f"), ("both", "pf"), ("three", "pp"), ("none", "")):
        send(message, *files)

    def shown(kind: str) -> list[str]:
        return texts(rest(ben), made, kind)

    eventually(lambda: shown("image") == ["three", "both", "one"], "the pictures")
    assert shown("file") == ["both", "two"]
    assert shown("image,file") == shown("file,image,audio") == ["three", "both", "two", "one"]
    assert shown("audio") == shown("video") == []
    [newest, *_] = page(rest(ben), made, "image")["messages"]
    assert [a["kind"] for a in newest["attachments"]] == ["image", "image"]
    assert newest["status"] == "delivered" or newest["status"] == "stored"


def test_links_are_listed(rest: MakeRest, made: int, ben: Account, send: Send) -> None:
    send("see https://example.com/a.")
    send("no link")
    send("\u898b\u3066https://example.com/b\u3002")
    expected = ["\u898b\u3066https://example.com/b\u3002", "see https://example.com/a."]
    eventually(lambda: texts(rest(ben), made, "link") == expected, "the links")
    first = page(rest(ben), made, "link", limit=1)
    assert first["hasMore"]
    assert "snippet" not in first["messages"][0]
    assert texts(rest(ben), made, "link", limit=1, before=first["cursor"]) == expected[1:]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_follow_each_other(rest: MakeRest, made: int, ben: Account, send: Send, limit: int) -> None:
    sent = [str(n) for n in range(5)]
    for message in sent:
        send(message, "f")
    eventually(lambda: len(texts(rest(ben), made, "file")) == len(sent), "all files")
    seen: list[str] = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        found = page(rest(ben), made, "file", **query)
        seen += [message["message"] for message in found["messages"]]
        if not found["hasMore"]:
            break
        query["before"] = found["cursor"]
    assert "cursor" not in found
    assert seen == sent[::-1]


def test_only_what_the_caller_sees_is_listed(
    rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, send: Send
) -> None:
    gone, hidden = send("deleted", "f"), send("hidden", "f")
    cleared, kept = send("cleared https://example.com", "f"), send("kept https://example.com", "f")
    eventually(lambda: len(texts(rest(ben), made, "link")) == 2, "the links")
    rest(ann).delete(gone, made)
    rest(ben).delete(hidden, made, scope="me")
    assert texts(rest(ben), made, "file", limit=1) == ["kept https://example.com"]
    assert page(rest(ben), made, "file", limit=2)["hasMore"] is False
    assert len(texts(rest(ann), made, "file")) == 3
    [seq] = [m["seq"] for m in rest(ben).history(made)["messages"] if m["id"] == cleared]
    rest(ben).json("POST", f"/conversations/{made}/clear", json={"seq": seq})
    for kind in ("file", "link"):
        assert [m["id"] for m in page(rest(ben), made, kind)["messages"]] == [kept]
        with refused("not_found"):
            page(rest(eve), made, kind)
        with refused("not_found"):
            page(rest(ben), 2**40, kind)


def test_newcomers_see_no_earlier_media(rest: MakeRest, made: int, ann: Account, eve: Account, send: Send) -> None:
    send("before", "f")
    rest(ann).change(made, history="joined")
    rest(ann).add(made, eve.user_id)
    send("after", "f")
    eventually(lambda: texts(rest(eve), made, "file") == ["after"], "the file")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"kind": ""},
        {"kind": "picture"},
        {"kind": "image,link"},
        {"kind": "image,"},
        {"kind": "image", "before": "x"},
        {"kind": "image", "before": "1.2"},
        {"kind": "link", "before": "12"},
        {"kind": "image", "before": "9" * 40},
        {"kind": "image", "limit": "0"},
        {"kind": "image", "limit": "101"},
    ],
)
def test_bad_query_is_refused(rest: MakeRest, made: int, ann: Account, query: dict[str, str]) -> None:
    with refused("invalid"):
        rest(ann).json("GET", f"/conversations/{made}/media", params=query)
