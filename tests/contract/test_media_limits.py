"""Limits of an upload: size, speed, number at once and per minute, and memory use."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from sqlalchemy import create_engine, text

from tests.contract.conftest import MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.contract.test_media_upload import BOUNDARY, END, part
from tests.support.clients import Account, Refused, RestClient, register
from tests.support.processes import Stack, group_members

FILE = b'Content-Disposition: form-data; name="file"; filename="a.bin"'
MIB = 1024 * 1024


@pytest.fixture
def sender(short_server: Stack) -> Iterator[tuple[Account, RestClient, int]]:
    account = register(short_server.base_url)
    client = RestClient(short_server.base_url, account.access_token)
    yield account, client, int(client.group()["id"])
    client.close()


Sender = tuple[Account, RestClient, int]


def begin(server: Stack, account: Account, conversation_id: int, declared: int) -> http.client.HTTPConnection:
    """Sends the head of an upload; the caller sends the body."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=20)
    connection.putrequest("POST", f"/api/v1/media?conversationId={conversation_id}")
    connection.putheader("Authorization", f"Bearer {account.access_token}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY.decode()}")
    connection.putheader("Content-Length", str(declared))
    connection.endheaders()
    return connection


def rows_of(server: Stack, account: Account) -> int:
    engine = create_engine(server.env["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as conn:
        query = text("SELECT count(*) FROM media WHERE user_id = :u")
        found = int(conn.execute(query, {"u": account.user_id}).scalar_one())
    engine.dispose()
    return found


def test_file_at_the_size_limit_is_accepted_and_one_byte_more_is_not(short_server: Stack, sender: Sender) -> None:
    account, client, one = sender
    taken = client.upload(one, bytes(400_000), "a.bin", "")
    assert taken["bytes"] == 400_000
    eventually(lambda: is_ready(client, taken["mediaId"]), "the medium to be ready")
    with refused("too_large"):
        client.upload(one, bytes(400_001), "a.bin", "")
    with refused("too_large"):
        client.upload(one, bytes(800_000), "a.bin", "")
    assert rows_of(short_server, account) == 1


def is_ready(client: RestClient, media_id: str) -> bool:
    try:
        return bool(client.media_url(media_id))
    except Refused as refusal:
        if refusal.code != "conflict":
            raise
        return False


def test_stalled_upload_is_cut_and_leaves_nothing(short_server: Stack, sender: Sender) -> None:
    account, _, one = sender
    connection = begin(short_server, account, one, 300_000)
    connection.send(part(bytes(290_000), FILE)[:280_000])
    answer = connection.getresponse()
    assert answer.status == 422
    assert b"less than 64 KiB came in 1 s" in answer.read()
    connection.close()
    assert rows_of(short_server, account) == 0


def test_third_simultaneous_upload_gets_overloaded(short_server: Stack, sender: Sender) -> None:
    account, client, one = sender
    held = [begin(short_server, account, one, 300_000) for _ in range(2)]
    for connection in held:
        connection.send(part(bytes(290_000), FILE)[:100_000])
    eventually(lambda: rows_of(short_server, account) == 2, "two uploads under way")
    with refused("overloaded") as caught:
        client.upload(one, b"text", "a.txt", "text/plain")
    assert caught.value.data["retryAfter"] == 2.0
    for connection in held:
        connection.close()
    eventually(lambda: rows_of(short_server, account) == 0, "the end of both uploads")
    assert client.upload(one, b"text", "a.txt", "text/plain")["status"] == "processing"


def test_pending_bytes_per_user_are_limited(short_server: Stack, sender: Sender) -> None:
    account, client, one = sender
    direct = {"filename": "a.bin", "contentType": "", "bytes": 400_000, "conversationId": one}
    for _ in range(2):
        client.json("POST", "/media/direct", json=direct)
    with refused("rate_limited") as caught:
        client.upload(one, bytes(200_000), "a.bin", "")
    assert caught.value.data["retryAfter"] == 10.0
    assert rows_of(short_server, account) == 2


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
    connection = begin(server, ann, one, len(part(b"", FILE)) + pieces * MIB + len(END))
    connection.send(part(b"", FILE)[:-2])
    for _ in range(pieces):
        connection.send(bytes(MIB))
    connection.send(b"\r\n" + END)
    answer = connection.getresponse()
    assert answer.status == 202, answer.read()
    connection.close()
    done.set()
    watcher.join()
    assert isinstance(gateway, psutil.Process)
    assert peak - before < 12 * MIB, f"{(peak - before) / MIB:.1f} MiB for a file of {pieces}"
