"""Uploads: which are accepted, which are refused, and that refused ones leave nothing behind."""

from __future__ import annotations

import http.client
import io
import json
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, text

import app.media.convert  # noqa: F401 - lets Pillow write HEIC
from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, RestClient
from tests.support.media_files import bomb_png, exif, image_bytes, picture, sound_bytes, video_bytes, wav_bytes
from tests.support.media_person import LONG
from tests.support.processes import Stack


@pytest.fixture
def media_of(stored: Engine) -> Callable[[int], list[tuple[Any, ...]]]:
    """Returns (state, pieces staged) of a user's media."""
    query = text("""SELECT state, (SELECT count(*) FROM media_chunks WHERE media_id = id) FROM media WHERE user_id = :u
                    ORDER BY id""")

    def read(user_id: int) -> list[tuple[Any, ...]]:
        with stored.connect() as connection:
            return [tuple(row) for row in connection.execute(query, {"u": user_id})]

    return read


MediaOf = Callable[[int], list[tuple[Any, ...]]]


@pytest.mark.parametrize("kind", ["image", "video", "audio", "file"])
def test_each_kind_is_accepted_at_once_and_ready_soon(
    connect: Connect, rest: MakeRest, group: MakeGroup, media_of: MediaOf, ann: Account, ben: Account, kind: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    made = {
        "image": lambda: (image_bytes(size=(300, 200), orientation=6), "photo.jpg", "image/jpeg"),
        "video": lambda: (video_bytes(tmp_path), "clip.mp4", "video/mp4"),
        "audio": lambda: (sound_bytes(tmp_path), "note.webm", "audio/webm;codecs=opus"),
        "file": lambda: (b"some text", "notes.txt", "text/plain"),
    }
    data, filename, content_type = made[kind]()
    one = group(ann, ben)
    watcher = connect("ws", ann)
    answer = rest(ann).upload(one, data, filename, content_type)
    assert answer["status"] == "processing"
    assert (answer["kind"], answer["bytes"], answer["filename"]) == (kind, len(data), filename)
    if kind == "image":
        assert (answer["width"], answer["height"]) == (200, 300)
    ready = watcher.next_event("media_ready").data
    assert ready["mediaId"] == answer["mediaId"]
    assert ready["conversationId"] == one
    assert {"image": "blurhash", "video": "duration", "audio": "waveform", "file": "filename"}[kind] in ready
    assert ("thumbnailUrl" in ready) == (kind in ("image", "video"))
    stages = [e.data["stage"] for e in watcher.named("media_progress")]
    assert stages == ["processing", "storing"]
    assert media_of(ann.user_id) == [("ready", 0)]


def test_stored_photo_has_no_position(connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    one = group(ann)
    watcher = connect("ws", ann)
    data = image_bytes(size=(100, 80), orientation=8)
    assert b"Secret Camera" in data
    media_id = rest(ann).upload(one, data)["mediaId"]
    watcher.next_event("media_ready")
    kept = rest().http.get(rest(ann).media_url(media_id)).content
    assert b"Secret" not in kept
    assert len(kept) < len(data)


def test_form_fields_come_in_any_order_or_in_the_query(
    server: Stack, rest: MakeRest, group: MakeGroup, ann: Account
) -> None:
    one = group(ann)
    file = (b'Content-Disposition: form-data; name="file"; filename="a.jpg"', b"Content-Type: image/jpeg")
    field = (b'Content-Disposition: form-data; name="conversationId"',)
    parts = {"file": part(image_bytes(), *file), "field": part(str(one).encode(), *field)}
    for names, query in ((("file", "field"), ""), (("field", "file"), ""), (("file",), f"?conversationId={one}")):
        status, body = post(server, ann, b"".join(parts[name] for name in names) + END, query)
        assert status == 202, body


BOUNDARY = b"a-boundary"
END = b"--" + BOUNDARY + b"--\r\n"


def part(body: bytes, *headers: bytes) -> bytes:
    return b"--" + BOUNDARY + b"\r\n" + b"\r\n".join(headers) + b"\r\n\r\n" + body + b"\r\n"


def post(server: Stack, account: Account, body: bytes, query: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    request_headers = {
        "Authorization": f"Bearer {account.access_token}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}",
        **headers,
    }
    with closing(http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=20)) as connection:
        connection.request("POST", f"/api/v1/media{query}", body, request_headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@pytest.mark.parametrize(
    ("data", "content_type", "code"),
    [
        (bomb_png(), "image/png", "too_large"),
        (bomb_png(), "text/plain", "too_large"),
        (b"", "image/jpeg", "invalid"),
    ],
    ids=["a bomb", "a bomb in disguise", "nothing"],
)
def test_unacceptable_bytes_are_refused_and_leave_nothing(
    rest: MakeRest, group: MakeGroup, media_of: MediaOf, ann: Account, data: bytes, content_type: str, code: str
) -> None:
    one = group(ann)
    with refused(code):
        rest(ann).upload(one, data, content_type=content_type)
    assert media_of(ann.user_id) == []


def as_shown(rest: RestClient, one: int, data: bytes, filename: str, content_type: str) -> dict[str, Any]:
    """Uploads and sends a file, and returns how its message shows it at the end."""
    media_id = rest.upload(one, data, filename, content_type)["mediaId"]
    sent = rest.send(conversation_id=one, message="", attachments=[{"mediaId": media_id}])

    def ended() -> dict[str, Any] | None:
        [view] = [m["attachments"][0] for m in rest.history(one)["messages"] if m["id"] == sent["id"]]
        return view if view["status"] != "processing" else None

    return cast(dict[str, Any], eventually(ended, f"{filename} to end", LONG))


PLAIN = [
    ("hello".encode("utf-16"), "a.txt", "text/plain", "text/plain"),
    (b"export const x = 1;", "index.ts", "video/mp2t", "application/octet-stream"),
    (b"II*\0" + bytes(60), "scan.tiff", "image/tiff", "application/octet-stream"),
    (b"RIFF\0\0\0\0AVI " + bytes(60), "a.avi", "video/x-msvideo", "application/octet-stream"),
    (b"GIF89a is a header", "ids.txt", "text/plain", "text/plain"),
    (b"<html><script>alert(1)</script>", "page", "image/jpeg", "application/octet-stream"),
    (b"\0\0\0\x18ftypisom\0\0\0\0isommp41" + bytes(99), "no.mp4", "video/mp4", "application/octet-stream"),
]


def test_files_that_cannot_be_shown_are_downloads(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    one = group(ann)
    for data, filename, content_type, kept in PLAIN:
        shown = as_shown(rest(ann), one, data, filename, content_type)
        assert (shown["status"], shown["kind"], shown["contentType"]) == ("ready", "file", kept), filename
        answer = rest().http.get(rest(ann).media_url(shown["mediaId"]))
        assert answer.content == data
        assert answer.headers["content-disposition"].startswith("attachment;")


def test_line_breaks_and_quotation_marks_in_the_name_of_a_file_do_not_show(
    rest: MakeRest, group: MakeGroup, ann: Account
) -> None:
    """As browsers send them."""
    uploaded = rest(ann).upload(group(ann), b"x", 'my\r\n "notes".txt', "text/plain")
    assert "%" not in uploaded["filename"]
    assert uploaded["filename"].split() == ["my", "_notes_.txt"]


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_pictures_of_phones_are_converted(rest: MakeRest, group: MakeGroup, ann: Account, form: str) -> None:
    one, written = group(ann), io.BytesIO()
    picture(90, 60).save(written, form, exif=exif().tobytes())
    assert b"Secret Camera" in written.getvalue()
    uploaded = rest(ann).upload(one, written.getvalue(), f"IMG_1.{form}", f"image/{form.lower()}")
    assert (uploaded["kind"], uploaded["width"], uploaded["height"]) == ("image", 90, 60)
    shown = as_shown(rest(ann), one, written.getvalue(), f"IMG_1.{form}", f"image/{form.lower()}")
    assert (shown["status"], shown["contentType"], shown["filename"]) == ("ready", "image/jpeg", "IMG_1.jpg")
    kept = rest().http.get(rest(ann).media_url(shown["mediaId"])).content
    assert kept.startswith(b"\xff\xd8")
    assert b"Secret" not in kept


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (END, {}, 422),
        (part(b"x", b'Content-Disposition: form-data; name="file"; filename="a.txt"') + END, {}, 422),
        (part(b"x", b'Content-Disposition: form-data; name="other"; filename="a.txt"') + END, {}, 422),
        (part(b"abc", b'Content-Disposition: form-data; name="conversationId"') + END, {}, 422),
        (part(b"9" * 9000, b'Content-Disposition: form-data; name="conversationId"') + END, {}, 422),
        (part(b"1", b"X-Long: " + b"y" * 300_000) + END, {}, 413),
        (part(b"x", b'Content-Disposition: form-data; name="x"') * 40 + END, {}, 413),
        (b"no form at all", {}, 422),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"{}", {"Content-Type": "multipart/form-data"}, 415),
    ],
    ids=["empty", "nowhere", "another name", "no id", "a long id", "a long header", "many parts", "no form", "JSON",
         "no boundary"],
)  # fmt: skip
def test_malformed_forms_are_refused(
    server: Stack, media_of: MediaOf, ann: Account, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer, problem = post(server, ann, body, **headers)
    assert answer == status, problem
    assert media_of(ann.user_id) == []


def test_two_files_in_one_form_are_refused(server: Stack, media_of: MediaOf, ann: Account) -> None:
    file = part(b"x", b'Content-Disposition: form-data; name="file"; filename="a.txt"')
    assert post(server, ann, file + file + END)[0] == 422
    assert media_of(ann.user_id) == []


def test_json_bodies_keep_their_own_limit(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    with refused("too_large"):
        rest(ann).request("POST", "/messages", json={"conversationId": group(ann), "message": "x" * 300_000})


def test_non_member_cannot_upload(
    rest: MakeRest, group: MakeGroup, media_of: MediaOf, ann: Account, eve: Account
) -> None:
    for one in (group(ann), 2**40):
        with refused("not_found"):
            rest(eve).upload(one, image_bytes())
        direct = {"filename": "a", "contentType": "image/jpeg", "bytes": 9, "conversationId": one}
        with refused("not_found"):
            rest(eve).request("POST", "/media/direct", json=direct)
    assert media_of(eve.user_id) == []


def test_upload_cut_by_the_client_leaves_nothing(
    server: Stack, group: MakeGroup, media_of: MediaOf, ann: Account
) -> None:
    one = group(ann)
    begun = part(wav_bytes(60), b'Content-Disposition: form-data; name="file"; filename="a.wav"')
    with closing(http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=20)) as connection:
        connection.putrequest("POST", f"/api/v1/media?conversationId={one}")
        for name, value in {
            "Authorization": f"Bearer {ann.access_token}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}",
            "Content-Length": "5000000",
        }.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(begun[:900_000])
        eventually(lambda: media_of(ann.user_id) == [("receiving", 3)], "three pieces")
    eventually(lambda: media_of(ann.user_id) == [], "the removal of the upload")


def test_unreadable_media_fails_with_a_reason(
    connect: Connect, rest: MakeRest, group: MakeGroup, media_of: MediaOf, ann: Account, ben: Account
) -> None:
    one = group(ann, ben)
    watcher = connect("sse", ann)
    broken = image_bytes(size=(500, 500))[:3000]
    media_id = rest(ann).upload(one, broken)["mediaId"]
    sent = rest(ann).send(
        conversation_id=one, message="look", attachments=[{"mediaId": media_id}], id=str(uuid.uuid4())
    )
    failed = watcher.next_event("media_failed").data
    assert (failed["mediaId"], failed["code"], failed["status"]) == (media_id, "unreadable", "failed")
    [shown] = [m for m in rest(ben).history(one)["messages"] if m["id"] == sent["id"]]
    assert shown["attachments"][0]["status"] == "failed"
    assert media_of(ann.user_id) == [("failed", 0)]
    with refused("not_found"):
        rest(ben).media_url(media_id)


@pytest.mark.parametrize("when", ["before", "after"])
def test_failed_medium_is_shown_as_failed_even_if_attached_later(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str, when: str
) -> None:
    """A client that attaches a medium cannot know whether it has failed by then."""
    one = group(ann, ben)
    watcher, witness = connect(transport, ben), connect("ws", ann)
    media_id = rest(ann).upload(one, image_bytes(size=(500, 500))[:3000])["mediaId"]
    if when == "after":
        witness.next_event("media_failed")
    named = {"conversation_id": one, "message": "look", "attachments": [{"mediaId": media_id}]}
    sent = [rest(ann).send(**named)["id"], connect("ws", ann).send(**named)["id"]]

    def shown_failed(message_id: str) -> bool | None:
        names = ("receive_message", "message_updated")
        views = [e.data for e in list(watcher.events) if e.name in names and e.data["id"] == message_id]
        return (bool(views) and failed(views[-1])) or None

    for message_id in sent:
        watcher.wait(lambda message_id=message_id: shown_failed(message_id), 30, "the failed medium")
    for found in (rest(ben).history(one)["messages"], rest(ben).fetch_unread()["messages"]):
        assert [failed(m) for m in found if m["id"] in sent] == [True, True]


def failed(message: dict[str, Any]) -> bool:
    return [(a["status"], a.get("code")) for a in message["attachments"]] == [("failed", "unreadable")]
