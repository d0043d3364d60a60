"""Limits of an upload: size, speed, number at once and per minute, and memory use."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import psutil
import pytest
from sqlalchemy import create_engine, text

from tests.contract.conftest import MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.contract.test_media_upload import BOUNDARY, END, part
from tests.support.clients import Account, Refused, RestClient, register
from tests.support.private_stack import private_stack
from tests.support.processes import Stack, group_members

FILE = b'Content-Disposition: form-data; name="file"; filename="a.bin"'
MIB = 1024 * 1024


# A busy machine must begin two uploads and send a third request within this time.
STALL_SECONDS = 5


@pytest.fixture(scope="module")
def limited() -> Iterator[Stack]:
    env = {
        "UPLOAD_STALL_SECONDS": str(STALL_SECONDS),
        "UPLOADS_PER_MINUTE": "6",
        "MAX_UPLOADS": "3",
        "MAX_UPLOADS_PER_USER": "2",
        "MAX_FILE_BYTES": "400000",
        "MAX_WAITING_BYTES": "900000",
        "MAX_STORED_BYTES": "1300000",
    }
    with private_stack(web=1, workers=1, env=env) as stack:
        yield stack


@contextmanager
def new_sender(server: Stack) -> Iterator[tuple[Account, RestClient, int]]:
    account = register(server.base_url)
    with closing(RestClient(server.base_url, account.access_token)) as client:
        yield account, client, int(client.group()["id"])


@pytest.fixture
def sender(limited: Stack) -> Iterator[tuple[Account, RestClient, int]]:
    with new_sender(limited) as made:
        yield made


@pytest.fixture
def other(limited: Stack) -> Iterator[tuple[Account, RestClient, int]]:
    with new_sender(limited) as made:
        yield made


Sender = tuple[Account, RestClient, int]


@contextmanager
def begun(server: Stack, account: Account, conversation_id: int, declared: int) -> Iterator[http.client.HTTPConnection]:
    """Sends the head of an upload; the block sends the body."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=20)
    with closing(connection):
        connection.putrequest("POST", f"/api/v1/media?conversationId={conversation_id}")
        connection.putheader("Authorization", f"Bearer {account.access_token}")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY.decode()}")
        connection.putheader("Content-Length", str(declared))
        connection.endheaders()
        yield connection


def rows_of(server: Stack, account: Account) -> int:
    engine = create_engine(server.env["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as conn:
        query = text("SELECT count(*) FROM media WHERE user_id = :u")
        found = int(conn.execute(query, {"u": account.user_id}).scalar_one())
    engine.dispose()
    return found


def test_file_at_the_size_limit_is_accepted_and_one_byte_more_is_not(limited: Stack, sender: Sender) -> None:
    account, client, one = sender
    taken = client.upload(one, bytes(400_000), "a.bin", "")
    assert taken["bytes"] == 400_000
    eventually(lambda: is_ready(client, taken["mediaId"]), "the medium to be ready")
    with refused("too_large"):
        client.upload(one, bytes(400_001), "a.bin", "")
    with refused("too_large"):
        client.upload(one, bytes(800_000), "a.bin", "")
    assert rows_of(limited, account) == 1


def is_ready(client: RestClient, media_id: str) -> bool:
    try:
        return bool(client.media_url(media_id))
    except Refused as refusal:
        if refusal.code != "conflict":
            raise
        return False


def test_stalled_upload_is_cut_and_leaves_nothing(limited: Stack, sender: Sender) -> None:
    account, _, one = sender
    with begun(limited, account, one, 300_000) as connection:
        connection.send(part(bytes(290_000), FILE)[:280_000])
        answer = connection.getresponse()
        assert answer.status == 422
        assert f"less than 64 KiB arrived in {STALL_SECONDS} s" in answer.read().decode()
    assert rows_of(limited, account) == 0


@contextmanager
def two_uploads_of(server: Stack, account: Account, one: int) -> Iterator[None]:
    with begun(server, account, one, 300_000) as first, begun(server, account, one, 300_000) as second:
        for connection in (first, second):
            connection.send(part(bytes(290_000), FILE)[:100_000])
        eventually(lambda: rows_of(server, account) == 2, "two uploads under way")
        yield


def test_user_with_two_uploads_waits_and_others_do_not(limited: Stack, sender: Sender, other: Sender) -> None:
    account, client, one = sender
    with two_uploads_of(limited, account, one):
        with refused("rate_limited") as caught:
            client.upload(one, b"text", "a.txt", "text/plain")
        assert other[1].upload(other[2], b"text", "a.txt", "text/plain")["status"] == "processing"
    assert caught.value.data["retryAfter"] == 2.0
    eventually(lambda: rows_of(limited, account) == 0, "the end of both uploads")
    assert client.upload(one, b"text", "a.txt", "text/plain")["status"] == "processing"


def test_upload_beyond_the_slots_of_the_process_gets_overloaded(limited: Stack, sender: Sender, other: Sender) -> None:
    account, _, one = sender
    with two_uploads_of(limited, account, one), begun(limited, other[0], other[2], 300_000) as third:
        third.send(part(bytes(290_000), FILE)[:100_000])
        eventually(lambda: rows_of(limited, other[0]) == 1, "the third upload under way")
        with refused("overloaded") as caught:
            other[1].upload(other[2], b"text", "a.txt", "text/plain")
    assert caught.value.data["retryAfter"] == 2.0


def test_stored_bytes_of_a_user_are_limited(sender: Sender) -> None:
    _, client, one = sender
    for _ in range(3):
        media_id = client.upload(one, bytes(400_000), "a.bin", "")["mediaId"]
        eventually(lambda media_id=media_id: is_ready(client, media_id), "the medium to be ready")
    for act in (
        lambda: client.upload(one, bytes(300_000), "a.bin", ""),
        lambda: client.json("POST", "/media/direct", json=announced(one, 300_000)),
    ):
        with refused("quota_exceeded") as caught:
            act()
        assert caught.value.data["status"] == 403
    assert client.upload(one, b"text", "a.txt", "text/plain")["status"] == "processing"


def announced(conversation_id: int, size: int) -> dict[str, object]:
    return {"filename": "a.bin", "contentType": "", "bytes": size, "conversationId": conversation_id}


def test_simultaneous_uploads_do_not_exceed_the_limit(limited: Stack) -> None:
    """Six uploads begin at once where three fit, for several users in turn."""
    for _ in range(5):
        account = register(limited.base_url)
        client = RestClient(limited.base_url, account.access_token)
        one, start = int(client.group()["id"]), threading.Barrier(6)
        client.close()

        def begin(account: Account = account, one: int = one, start: threading.Barrier = start) -> str:
            with closing(RestClient(limited.base_url, account.access_token)) as mine:
                start.wait()
                try:
                    mine.json("POST", "/media/direct", json=announced(one, 300_000))
                except Refused as refusal:
                    return refusal.code
                return "accepted"

        with ThreadPoolExecutor(6) as pool:
            outcomes = sorted(task.result() for task in [pool.submit(begin) for _ in range(6)])
        assert outcomes == ["accepted"] * 3 + ["rate_limited"] * 3
        assert rows_of(limited, account) == 3


def test_pending_bytes_per_user_are_limited(limited: Stack, sender: Sender) -> None:
    account, client, one = sender
    direct = {"filename": "a.bin", "contentType": "", "bytes": 400_000, "conversationId": one}
    for _ in range(2):
        client.json("POST", "/media/direct", json=direct)
    with refused("rate_limited") as caught:
        client.upload(one, bytes(200_000), "a.bin", "")
    assert caught.value.data["retryAfter"] == 10.0
    assert rows_of(limited, account) == 2


def test_uploads_per_minute_are_counted_over_all_routes(sender: Sender) -> None:
    _, client, one = sender
    direct = {"filename": "a.txt", "contentType": "text/plain", "bytes": 4, "conversationId": one}
    for _ in range(3):
        client.upload(one, b"text", "a.txt", "text/plain")
        client.json("POST", "/media/direct", json=direct)
    for act in (
        lambda: client.upload(one, b"text", "a.txt", "text/plain"),
        lambda: client.json("POST", "/media/direct", json=direct),
        lambda: client.request("POST", "/media/018f4e2a-0000-7000-8000-000000000001/complete"),
    ):
        with refused("rate_limited"):
            act()


def test_memory_of_a_web_process_does_not_grow_with_the_file(
    server: Stack, rest: MakeRest, group: MakeGroup, ann: Account
) -> None:
    one = group(ann)
    rest(ann).upload(one, bytes(MIB), "a.bin", "")  # the first upload loads modules that stay in memory
    gateway = max(group_members(server.web[0].pid), key=lambda process: process.memory_info().rss)
    before, peak, done = gateway.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, gateway.memory_info().rss)
            done.wait(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    pieces = 45
    try:
        with begun(server, ann, one, len(part(b"", FILE)) + pieces * MIB + len(END)) as connection:
            connection.send(part(b"", FILE)[:-2])
            for _ in range(pieces):
                connection.send(bytes(MIB))
            connection.send(b"\r\n" + END)
            answer = connection.getresponse()
            assert answer.status == 202, answer.read()
    finally:
        done.set()
        watcher.join()
    assert isinstance(gateway, psutil.Process)
    assert peak - before < 12 * MIB, f"{(peak - before) / MIB:.1f} MiB for a file of {pieces}"
