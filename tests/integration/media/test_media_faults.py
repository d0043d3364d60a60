"""Media with Cloudinary (a stand-in) under failures and killed processes.

No asset is orphaned, no staged piece remains, and every message shows its picture or that it failed.
"""

from __future__ import annotations

import contextlib
import http.client
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import redis
from sqlalchemy import Engine, text

from tests.conftest import StackFactory
from tests.contract.expect import eventually, refused
from tests.contract.test_media_upload import BOUNDARY, part
from tests.support.clients import register
from tests.support.cloudinary import FakeCloudinary, Fault
from tests.support.media_files import heavy_jpeg, image_bytes
from tests.support.media_person import LONG, Do, Person, Until, row_of
from tests.support.private_stack import UNLIMITED
from tests.support.processes import Stack


def test_photo_is_stored_and_served_by_signed_expiring_addresses(
    ann: Person, cloudinary: FakeCloudinary, until: Until
) -> None:
    media_id, message_id = ann.share(heavy_jpeg(8))
    eventually(lambda: ann.status(message_id) == "ready", "the picture", LONG)
    kept = cloudinary.of(media_id)
    assert sorted(kept) == [f"parley/{media_id}", f"parley/{media_id}-thumbnail"]
    for variant, name in (("original", ""), ("thumbnail", "-thumbnail")):
        url = ann.rest.request("GET", f"/media/{media_id}", params={"variant": variant}).headers["location"]
        assert "expires_at=" in url
        assert httpx.get(url, trust_env=False).content == kept[f"parley/{media_id}{name}"]
    ann.rest.delete(message_id)
    until(lambda: cloudinary.of(media_id) == {}, "the removal")


def test_recording_that_cannot_be_decoded_is_stored_and_removed_as_a_file(
    ann: Person, cloudinary: FakeCloudinary, until: Until
) -> None:
    """Cloudinary keeps files in another place than videos, so the row must have the kind before anything is stored."""
    broken = b"\0\0\0\x18ftypisom\0\0\0\0isommp41" + bytes(999)
    media_id, message_id = ann.share(broken)
    ready = ann.session.next_event("media_ready", LONG).data
    assert (ready["kind"], ready["contentType"]) == ("file", "application/octet-stream")
    assert [place[0] for place in cloudinary.assets if media_id in place[2]] == ["raw"]
    ann.rest.delete(message_id)
    until(lambda: cloudinary.of(media_id) == {}, "the removal")


def test_temporary_failures_are_retried(ann: Person, cloudinary: FakeCloudinary) -> None:
    faults = [
        Fault(status=500),
        Fault(status=429, retry_after="1"),
        Fault(late=2.5),
        Fault(drop=True),
        Fault(stall=2.5),
    ]
    cloudinary.fail("upload", *faults)
    shared = [ann.share() for _ in range(3)]
    for _, message_id in shared:
        eventually(lambda m=message_id: ann.status(m) == "ready", "the picture", LONG)


def test_permanently_refused_upload_fails(
    ann: Person, cloudinary: FakeCloudinary, engine: Engine, sql: Do, until: Until
) -> None:
    cloudinary.fail("upload", Fault(), Fault(status=400))  # by then the thumbnail is stored
    media_id, message_id = ann.share()
    assert ann.session.next_event("media_failed", LONG).data["code"] == "rejected"
    assert ann.status(message_id) == "failed"
    sql("UPDATE media SET sweep_at = now() WHERE id = :i", i=media_id)
    until(lambda: cloudinary.of(media_id) == {}, "the removal of the thumbnail")
    until(lambda: row_of(engine, media_id).sweep_at is None, "rest")


def test_outage_of_the_storage_delays_media_without_losing_any(ann: Person, cloudinary: FakeCloudinary) -> None:
    cloudinary.down = True
    before = cloudinary.calls.count("upload")
    shared = [ann.share() for _ in range(3)]
    eventually(lambda: cloudinary.calls.count("upload") >= before + 6, "two attempts each", LONG)
    assert {ann.status(message_id) for _, message_id in shared} == {"processing"}
    cloudinary.down = False
    for _, message_id in shared:
        eventually(lambda m=message_id: ann.status(m) == "ready", "the picture", LONG)


def test_another_worker_takes_over_from_a_killed_one(ann: Person, server: Stack, cloudinary: FakeCloudinary) -> None:
    cloudinary.gate.clear()
    before = cloudinary.calls.count("upload")
    _, message_id = ann.share()
    eventually(lambda: cloudinary.calls.count("upload") > before, "an upload under way", LONG)
    server.kill_worker(0)
    server.start_worker(0)
    cloudinary.gate.set()
    eventually(lambda: ann.status(message_id) == "ready", "the picture", LONG)


def test_lost_task_is_enqueued_again(
    ann: Person, server: Stack, redis_client: redis.Redis, engine: Engine, sql: Do, until: Until
) -> None:
    server.kill_worker(0)
    media_id = ann.rest.upload(ann.group, image_bytes())["mediaId"]
    redis_client.delete("media")  # the queue
    server.start_worker(0)
    sql("UPDATE media SET sweep_at = now() WHERE id = :i", i=media_id)
    until(lambda: row_of(engine, media_id).state == "ready", "the picture")


def test_task_that_runs_five_times_makes_one_asset(ann: Person, cloudinary: FakeCloudinary, run_task: Do) -> None:
    cloudinary.gate.clear()
    media_id, message_id = ann.share()
    for _ in range(5):
        run_task("tasks.process_media.process", media_id)
    cloudinary.gate.set()
    eventually(lambda: ann.status(message_id) == "ready", "the picture", LONG)
    assert len(cloudinary.of(media_id)) == 2


def test_message_deleted_during_the_upload_of_its_picture(
    ann: Person, cloudinary: FakeCloudinary, engine: Engine, sql: Do, until: Until
) -> None:
    cloudinary.gate.clear()
    before = cloudinary.calls.count("upload")
    media_id, message_id = ann.share()
    eventually(lambda: cloudinary.calls.count("upload") > before, "an upload under way", LONG)
    ann.rest.delete(message_id)
    eventually(lambda: row_of(engine, media_id).state == "deleting", "the deletion", LONG)
    cloudinary.gate.set()
    until(lambda: cloudinary.of(media_id) == {}, "the removal")
    sql("UPDATE media SET attempted_at = now() - interval '1 day', sweep_at = now(), lease_until = NULL WHERE id = :i",
        i=media_id)  # fmt: skip
    until(lambda: row_of(engine, media_id) is None, "the medium to be forgotten")


def test_failed_removal_is_retried(ann: Person, cloudinary: FakeCloudinary, sql: Do, until: Until) -> None:
    media_id, message_id = ann.share()
    eventually(lambda: ann.status(message_id) == "ready", "the picture", LONG)
    cloudinary.fail("destroy", Fault(status=503, retry_after="1"))
    ann.rest.delete(message_id)
    sql("UPDATE media SET sweep_at = now() WHERE id = :i AND state = 'deleting'", i=media_id)
    until(lambda: cloudinary.of(media_id) == {}, "the removal")


def test_unused_medium_is_removed_after_a_day_and_a_used_one_stays(
    ann: Person, cloudinary: FakeCloudinary, engine: Engine, sql: Do, until: Until
) -> None:
    named, message_id = ann.share()
    unnamed = ann.rest.upload(ann.group, image_bytes())["mediaId"]
    eventually(lambda: len(cloudinary.of(unnamed)) == 2 and ann.status(message_id) == "ready", "both", LONG)
    sql("UPDATE media SET created_at = now() - interval '2 days', sweep_at = now() WHERE id = :i", i=named)
    sql("UPDATE media SET created_at = now() - interval '2 days', sweep_at = now() WHERE id = :i", i=unnamed)
    until(lambda: cloudinary.of(unnamed) == {}, "the removal")
    until(lambda: row_of(engine, named).sweep_at is None, "rest")
    assert len(cloudinary.of(named)) == 2


def is_announced(engine: Engine, media_id: str) -> bool:
    with engine.connect() as conn:
        return bool(
            conn.execute(text("SELECT bool_and(told) FROM media_uses WHERE media_id = :i"), {"i": media_id}).scalar()
        )


def test_lost_announcement_is_repeated(ann: Person, engine: Engine, sql: Do) -> None:
    media_id, message_id = ann.share()
    eventually(lambda: ann.status(message_id) == "ready", "the picture", LONG)
    ann.session.next_event("media_ready")
    ann.session.next_event(lambda e: e.name == "message_updated" and e.data["id"] == message_id)
    eventually(
        lambda: row_of(engine, media_id).version > 0 and is_announced(engine, media_id),
        "the announcement to be stored",
        LONG,
    )
    sql("UPDATE media_uses SET told = false WHERE media_id = :i", i=media_id)
    sql("UPDATE media SET version = 0, created_at = now() - interval '1 minute' WHERE id = :i", i=media_id)
    ann.session.next_event("media_ready", LONG)
    updated = ann.session.next_event(lambda e: e.name == "message_updated" and e.data["id"] == message_id, LONG)
    assert updated.data["attachments"][0]["status"] == "ready"
    assert updated.data["message"] == "look"


def test_full_database_refuses_the_upload_and_keeps_nothing(ann: Person, engine: Engine, sql: Do) -> None:
    sql("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$""")
    sql("CREATE TRIGGER full_disk BEFORE INSERT ON media_chunks FOR EACH ROW EXECUTE FUNCTION full_disk()")
    try:
        with refused("overloaded"):
            ann.rest.upload(ann.group, image_bytes())
        with engine.connect() as conn:
            query = text("SELECT count(*) FROM media WHERE user_id = :u")
            assert conn.execute(query, {"u": ann.account.user_id}).scalar() == 0
    finally:
        sql("DROP TRIGGER full_disk ON media_chunks")
        sql("DROP FUNCTION full_disk")
    _, message_id = ann.share()
    eventually(lambda: ann.status(message_id) == "ready", "the picture", LONG)


def test_sweep_removes_the_upload_of_a_killed_web_process(
    ann: Person, server: Stack, engine: Engine, sql: Do, until: Until
) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.base_urls[1]).netloc, timeout=20)
    connection.putrequest("POST", f"/api/v1/media?conversationId={ann.group}")
    connection.putheader("Authorization", f"Bearer {ann.account.access_token}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY.decode()}")
    connection.putheader("Content-Length", "9000000")
    connection.endheaders()
    connection.send(part(bytes(600_000), b'Content-Disposition: form-data; name="file"; filename="a"')[:590_000])
    mine = "SELECT count(*) FROM media WHERE user_id = :u AND state = 'receiving'"

    def receiving() -> bool:
        with engine.connect() as conn:
            return bool(conn.execute(text(mine), {"u": ann.account.user_id}).scalar())

    eventually(receiving, "the upload to begin")
    server.kill_web(1)
    with contextlib.closing(connection):
        server.start_web(1)
    sql("UPDATE media SET sweep_at = now() WHERE user_id = :u", u=ann.account.user_id)
    until(lambda: not receiving(), "the sweep")


def test_erasing_an_account_removes_its_pictures(server: Stack, cloudinary: FakeCloudinary, until: Until) -> None:
    person = Person(server)
    other = register(server.base_url)
    person.rest.add(person.group, other.user_id)
    media_id, message_id = person.share()
    eventually(lambda: person.status(message_id) == "ready", "the picture", LONG)
    person.rest.request("DELETE", "/me", json={"password": person.account.password})
    until(lambda: cloudinary.of(media_id) == {}, "the removal")
    person.close()


# -- no storage --------------------


def test_production_without_a_storage_refuses_media(make_stack: StackFactory, tmp_path: Path) -> None:
    server = make_stack(env={**UNLIMITED, "APP_ENV": "production", "MEDIA_DIR": str(tmp_path / "unused")}, beat=False)
    person = Person(server)
    for act in (
        lambda: person.rest.upload(person.group, image_bytes()),
        lambda: person.begin_direct(9),
        lambda: person.rest.media_url("018f4e2a-0000-7000-8000-000000000001"),
    ):
        with refused("media_off") as caught:
            act()
        assert caught.value.status == 501
    assert person.rest.send(conversation_id=person.group, message="text still works")["status"] == "stored"
    assert person.rest.http.get("/media/local/x?token=y").status_code == 404
    assert not (tmp_path / "unused").exists()
    person.close()
