"""Uploads straight to the storage: verified on completion, and removed if they are never completed."""

from __future__ import annotations

import io
from typing import Any

import httpx
from sqlalchemy import Engine

import app.media.convert  # noqa: F401 - lets Pillow write HEIC
from tests.contract.expect import refused
from tests.support.cloudinary import FakeCloudinary, Fault
from tests.support.media_files import exif, image_bytes, picture
from tests.support.media_person import LONG, Do, Person, Until, row_of


def send_bytes(begun: dict[str, Any], data: bytes) -> httpx.Response:
    return httpx.post(begun["url"], data=begun["fields"], files={"file": data}, trust_env=False)


def test_direct_upload_is_verified_stripped_and_shown(ann: Person, cloudinary: FakeCloudinary) -> None:
    data = image_bytes(size=(120, 80), orientation=6)
    begun = ann.begin_direct(len(data))
    with refused("conflict"):
        ann.rest.request("POST", f"/media/{begun['mediaId']}/complete")
    assert send_bytes(begun, data).status_code == 200
    assert ann.rest.json("POST", f"/media/{begun['mediaId']}/complete")["status"] == "processing"
    ready = ann.session.next_event("media_ready", LONG).data
    assert (ready["width"], ready["height"]) == (80, 120)
    assert b"Secret" not in cloudinary.of(begun["mediaId"])[f"parley/{begun['mediaId']}"]


def test_direct_upload_of_a_phones_picture_is_converted(ann: Person, cloudinary: FakeCloudinary) -> None:
    written = io.BytesIO()
    picture(120, 80).save(written, "HEIF", exif=exif(6).tobytes())
    data = written.getvalue()
    begun = ann.begin_direct(len(data), "image/heic")
    assert send_bytes(begun, data).status_code == 200
    ann.rest.json("POST", f"/media/{begun['mediaId']}/complete")
    ready = ann.session.next_event("media_ready", LONG).data
    assert (ready["contentType"], ready["width"], ready["height"]) == ("image/jpeg", 80, 120)
    kept = cloudinary.of(begun["mediaId"])[f"parley/{begun['mediaId']}"]
    assert kept.startswith(b"\xff\xd8")
    assert b"Secret" not in kept


def test_direct_upload_of_another_size_is_refused_and_removed(
    ann: Person, cloudinary: FakeCloudinary, sql: Do, until: Until
) -> None:
    data = image_bytes()
    begun = ann.begin_direct(len(data) + 1)
    send_bytes(begun, data)
    with refused("invalid"):
        ann.rest.request("POST", f"/media/{begun['mediaId']}/complete")
    with refused("not_found"):
        ann.rest.request("POST", f"/media/{begun['mediaId']}/complete")
    until(lambda: cloudinary.of(begun["mediaId"]) == {}, "the removal")


def test_direct_upload_that_is_never_completed_is_removed(
    ann: Person, cloudinary: FakeCloudinary, engine: Engine, sql: Do, until: Until
) -> None:
    data = image_bytes()
    begun = ann.begin_direct(len(data))
    send_bytes(begun, data)
    sql("UPDATE media SET attempted_at = now() - interval '1 day', sweep_at = now() WHERE id = :i", i=begun["mediaId"])
    until(lambda: row_of(engine, begun["mediaId"]) is None, "the removal")
    assert cloudinary.of(begun["mediaId"]) == {}


def test_completing_during_an_outage_of_the_storage_can_be_repeated(ann: Person, cloudinary: FakeCloudinary) -> None:
    data = image_bytes()
    begun = ann.begin_direct(len(data))
    send_bytes(begun, data)
    cloudinary.fail("resource", Fault(status=503))
    with refused("overloaded"):
        ann.rest.request("POST", f"/media/{begun['mediaId']}/complete")
    assert ann.rest.json("POST", f"/media/{begun['mediaId']}/complete")["status"] == "processing"
    ann.session.next_event("media_ready", LONG)
