"""Access to media: users who see a message with the medium get an address that expires.

Others learn nothing.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, EventClient, RestClient
from tests.support.media_files import image_bytes

NOWHERE = str(uuid.uuid4())


def share(sender: RestClient, watcher: EventClient, conversation_id: int, data: bytes = b"", **more: str) -> str:
    """Uploads and sends a medium, and waits until it is ready and stored."""
    media_id = str(sender.upload(conversation_id, data or image_bytes(), **more)["mediaId"])
    sender.send(conversation_id=conversation_id, attachments=[{"mediaId": media_id}])
    watcher.next_event(lambda e: e.name in ("media_ready", "media_failed") and e.data["mediaId"] == media_id)
    return media_id


ACTS: dict[str, Callable[[RestClient, str], Any]] = {
    "redirect": lambda r, m: r.request("GET", f"/media/{m}"),
    "thumbnail": lambda r, m: r.request("GET", f"/media/{m}", params={"variant": "thumbnail"}),
    "address": lambda r, m: r.media_url(m),
    "complete": lambda r, m: r.request("POST", f"/media/{m}/complete"),
}


@pytest.mark.parametrize("act", ACTS)
def test_non_member_gets_the_same_404_as_for_missing_media(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, eve: Account, act: str
) -> None:
    media_id = share(rest(ann), connect("ws", ann), group(ann))
    for requested in (media_id, NOWHERE, "no-id"):
        with refused("not_found") as caught:
            ACTS[act](rest(eve), requested)
        assert caught.value.data["detail"] == "Not found"
    with refused("unauthorized"):
        ACTS[act](rest(), media_id)


@pytest.mark.parametrize("data", [image_bytes(), image_bytes(size=(300, 300))[:2000]], ids=["ready", "failed"])
def test_unsent_medium_is_seen_only_by_its_uploader(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str, data: bytes
) -> None:
    one = group(ann, ben)
    mine, theirs = connect("ws", ann), connect(transport, ben)
    theirs.fence()
    cursor = theirs.cursor
    media_id = rest(ann).upload(one, data)["mediaId"]
    ended = mine.next_event(lambda e: e.name in ("media_ready", "media_failed"))
    assert ended.data["mediaId"] == media_id
    assert [e.data["stage"] for e in mine.named("media_progress")][:1] == ["processing"]
    with refused("not_found"):
        rest(ben).media_url(media_id)
    theirs.fence()
    theirs.reconnect(cursor)
    theirs.fence()
    assert [e.name for e in theirs.events if "media" in e.name] == []


def test_medium_is_readable_once_a_message_names_it(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    one, mine, theirs = group(ann, ben), connect("ws", ann), connect("ws", ben)
    media_id = rest(ann).upload(one, image_bytes())["mediaId"]
    mine.next_event("media_ready")
    rest(ann).send(conversation_id=one, attachments=[{"mediaId": media_id}])
    [attachment] = theirs.next_event("receive_message").data["attachments"]
    assert (attachment["mediaId"], attachment["status"]) == (media_id, "ready")
    assert rest(ben).media_url(media_id)


def test_redirect_leads_to_the_bytes_without_a_token(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    media_id = share(rest(ann), connect("ws", ann), group(ann, ben))
    answer = rest(ben).request("GET", f"/media/{media_id}")
    assert answer.status_code == 302
    assert rest().http.get(answer.headers["location"]).status_code == 200


def test_former_member_loses_access(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    one = group(ann, ben, eve)
    media_id = share(rest(ann), connect("ws", ann), one)
    assert rest(ben).media_url(media_id)
    rest(ann).remove(one, ben.user_id)
    rest(eve).request("POST", f"/conversations/{one}/leave")
    for former in (ben, eve):
        with refused("not_found"):
            rest(former).media_url(media_id)


@pytest.mark.parametrize("history", ["joined", "all"])
def test_new_member_sees_earlier_media_only_if_the_group_shows_its_history(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, history: str
) -> None:
    one = group(ann, history=history)
    watcher = connect("ws", ann)
    old = share(rest(ann), watcher, one)
    rest(ann).add(one, ben.user_id)
    new = share(rest(ann), watcher, one)
    eventually(lambda: rest(ben).history(one)["messages"], "the membership")
    assert rest(ben).media_url(new)
    if history == "all":
        assert rest(ben).media_url(old)
    else:
        with refused("not_found"):
            rest(ben).media_url(old)


def test_media_of_a_hidden_message_is_gone_only_for_that_user(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    one = group(ann, ben)
    media_id = share(rest(ann), connect("ws", ann), one)
    [message] = [m for m in rest(ben).history(one)["messages"] if m.get("attachments")]
    rest(ben).delete(message["id"], scope="me")
    with refused("not_found"):
        rest(ben).media_url(media_id)
    assert rest(ann).media_url(media_id)


def test_blocking_user_sees_no_media_of_the_blocked_sender(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    one = int(rest(ann).direct(ben.user_id)["id"])
    rest(ann).send(conversation_id=one, message="hello")
    rest(ben).request("PUT", f"/blocks/{ann.user_id}")
    theirs = connect("ws", ben)
    media_id = share(rest(ann), connect("ws", ann), one)
    eventually(lambda: rest(ann).media_url(media_id), "the message to be stored")
    with refused("not_found"):
        rest(ben).media_url(media_id)
    theirs.fence()
    theirs.reconnect(theirs.joined.data["cursor"])  # type: ignore[union-attr]
    theirs.fence()
    assert [e.name for e in theirs.events if "media" in e.name] == []


def test_ranges_are_served(connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    data = bytes(range(256)) * 40
    media_id = share(
        rest(ann), connect("ws", ann), group(ann), data, filename="a.bin", content_type="application/octet-stream"
    )
    url = rest(ann).media_url(media_id)
    whole = rest().http.get(url)
    assert whole.content == data
    assert whole.headers["accept-ranges"] == "bytes"
    for requested, first, last in (
        ("bytes=0-9", 0, 9),
        ("bytes=1000-", 1000, len(data) - 1),
        ("bytes=-5", len(data) - 5, len(data) - 1),
    ):
        part = rest().http.get(url, headers={"Range": requested})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
        assert part.content == data[first : last + 1]
    assert rest().http.get(url, headers={"Range": "bytes=99999999-"}).status_code == 416


@pytest.mark.parametrize(
    ("data", "filename", "content_type"),
    [
        (b"<html><script>alert(1)</script></html>", "page.html", "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.svg", "image/svg+xml"),
        (b"#!/bin/sh\n", "run", ""),
        (b"II*\0" + bytes(60), "scan.tiff", "image/tiff"),
    ],
)
def test_executable_types_are_served_as_plain_downloads(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, data: bytes, filename: str, content_type: str
) -> None:
    media_id = share(rest(ann), connect("ws", ann), group(ann), data, filename=filename, content_type=content_type)
    answer = rest().http.get(rest(ann).media_url(media_id))
    assert answer.content == data
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    with refused("not_found"):
        rest(ann).media_url(media_id, "thumbnail")


def test_picture_is_served_inline(connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    media_id = share(rest(ann), connect("ws", ann), group(ann))
    for variant in ("original", "thumbnail"):
        answer = rest().http.get(rest(ann).media_url(media_id, variant))
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"].startswith("inline")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"].startswith("private, max-age=")


def test_altered_address_is_not_found(connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    one, watcher = group(ann), connect("ws", ann)
    first, second = (urlsplit(rest(ann).media_url(share(rest(ann), watcher, one))) for _ in range(2))
    token = parse_qs(first.query)["token"][0]
    body, digest = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    later = base64.urlsafe_b64encode(json.dumps({**claims, "exp": claims["exp"] + 9999}).encode()).rstrip(b"=").decode()
    for path, given in (
        (second.path, token),
        (first.path, f"{later}.{digest}"),
        (first.path, ""),
        (first.path, "x.y"),
        ("/media/local/..%2f..%2f..%2fetc%2fpasswd", token),
    ):
        assert rest().http.get(path, params={"token": given}).status_code == 404


def test_unready_media_is_a_conflict(rest: MakeRest, group: MakeGroup, ann: Account, stored: Any) -> None:
    from sqlalchemy import text

    one = group(ann)
    media_id = rest(ann).upload(one, image_bytes())["mediaId"]
    eventually(lambda: rest(ann).media_url(media_id) if _ready(stored, media_id) else None, "the medium to be ready")
    with stored.begin() as connection:
        connection.execute(text("UPDATE media SET state = 'processing', sweep_at = NULL, lease_until = now()"
                                " + interval '1 hour' WHERE id = :i"), {"i": media_id})  # fmt: skip
    with refused("conflict"):
        rest(ann).media_url(media_id)


def _ready(stored: Any, media_id: str) -> bool:
    from sqlalchemy import text

    with stored.connect() as connection:
        return connection.execute(text("SELECT state FROM media WHERE id = :i"), {"i": media_id}).scalar() == "ready"


# -- direct uploads --------------------


def direct(client: RestClient, conversation_id: int, size: int, content_type: str = "image/jpeg") -> dict[str, Any]:
    body = {"filename": "a.jpg", "contentType": content_type, "bytes": size, "conversationId": conversation_id}
    return client.json("POST", "/media/direct", json=body)


def test_direct_upload_to_local_storage_has_the_same_interface(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    one, data = group(ann, ben), image_bytes(size=(90, 60))
    watcher = connect("ws", ann)
    begun = direct(rest(ann), one, len(data))
    media_id = begun["mediaId"]
    with refused("invalid"):
        rest(ann).send(conversation_id=one, attachments=[{"mediaId": media_id}])
    with refused("conflict"):
        rest(ann).request("POST", f"/media/{media_id}/complete")

    def bring(data: bytes, **fields: str) -> int:
        return rest().http.post(begun["url"], data={**begun["fields"], **fields}, files={"file": data}).status_code

    assert bring(data + b"more") == 413
    assert bring(data[:-1]) == 422
    assert bring(data, token="forged.token") == 404
    assert bring(data) == 201
    assert bring(data) == 409
    with refused("not_found"):
        rest(ben).request("POST", f"/media/{media_id}/complete")
    for _ in range(2):
        answer = rest(ann).request("POST", f"/media/{media_id}/complete")
        assert answer.status_code == 202
    ready = watcher.next_event("media_ready").data
    assert (ready["mediaId"], ready["width"], ready["height"]) == (media_id, 90, 60)
    assert b"Secret" not in rest().http.get(rest(ann).media_url(media_id)).content


def test_direct_upload_of_a_type_that_is_not_shown_is_a_plain_file(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account
) -> None:
    one, data = group(ann), b"export const x = 1;"
    watcher = connect("ws", ann)
    begun = direct(rest(ann), one, len(data), "video/mp2t")
    rest().http.post(begun["url"], data=begun["fields"], files={"file": data})
    rest(ann).request("POST", f"/media/{begun['mediaId']}/complete")
    assert watcher.next_event("media_ready").data["kind"] == "file"


def test_direct_upload_of_another_kind_than_announced_fails(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account
) -> None:
    one, data = group(ann), b"<html>" + bytes(100)
    watcher = connect("ws", ann)
    begun = direct(rest(ann), one, len(data))
    rest().http.post(begun["url"], data=begun["fields"], files={"file": data})
    rest(ann).request("POST", f"/media/{begun['mediaId']}/complete")
    assert watcher.next_event("media_failed").data["code"] == "mismatch"


@pytest.mark.parametrize(
    ("size", "content_type", "code"),
    [(200_000_000, "video/mp4", "too_large"), (60_000_000, "image/x-icon", "too_large"), (0, "image/jpeg", "invalid")],
)
def test_unacceptable_direct_upload_is_refused_before_the_bytes(
    rest: MakeRest, group: MakeGroup, ann: Account, size: int, content_type: str, code: str
) -> None:
    with refused(code):
        direct(rest(ann), group(ann), size, content_type)
