"""Outside addresses of avatars: fetched once, through the guarded session, and served as small copies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis
from sqlalchemy import Engine, func, select, update

from app.core.avatars import MAX_AVATAR_BYTES, address_of, avatar_of
from app.message_log import keys
from app.services.accounts.avatars import adopt_outside
from app.services.accounts.process_avatar import AvatarFetcher, process_avatar
from app.store import avatars as store
from app.store import users
from app.store.engine import reading, writing
from app.store.groups import create_group
from app.store.models import Avatar, Conversation, User
from tests.support.media_files import image_bytes


class Host:
    """A web server of somebody else, which counts who calls it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.answers: dict[str, tuple[int, bytes, str]] = {}
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.calls.append(self.path)
                status, body, location = host.answers.get(self.path, (404, b"", ""))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.accounts.process_avatar.enqueue_user_news", lambda *_: None)


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def fetcher(redis_client: redis.Redis) -> AvatarFetcher:
    return AvatarFetcher(redis=redis_client, loopback=True)


@pytest.fixture
def user_id(engine: Engine, request: pytest.FixtureRequest) -> int:
    with writing(engine) as conn:
        made = users.insert_user(conn, f"u-{abs(hash(request.node.name)) % 10**9}", "User")
    assert made is not None
    return made.id


def give(engine: Engine, user_id: int, source: str) -> str:
    """Gives the user a picture that waits to be fetched. Returns its id."""
    with writing(engine) as conn:
        made = store.add(conn, user_id, source=source)
        users.update_profile(conn, user_id, avatar_url=address_of(made))
    return made


def address(engine: Engine, user_id: int) -> str | None:
    with reading(engine) as conn:
        return users.get_users(conn, [user_id])[user_id].avatar_url


def state(engine: Engine, avatar_id: str) -> str | None:
    with reading(engine) as conn:
        found = store.find(conn, avatar_id)
    return None if found is None else found.state


def test_picture_is_fetched_once_across_redirects(
    engine: Engine, fetcher: AvatarFetcher, host: Host, user_id: int
) -> None:
    host.answers["/a"] = 302, b"", "/b"
    host.answers["/b"] = 200, image_bytes(size=(900, 600)), ""
    made = give(engine, user_id, f"{host.url}/a")
    for _ in range(2):
        process_avatar(made, engine=engine, fetch=fetcher.fetch)
    assert host.calls == ["/a", "/b"]
    with reading(engine) as conn:
        found = store.find(conn, made)
    assert found is not None
    assert found.picture is not None
    assert found.picture.startswith(b"\xff\xd8\xff")
    assert b"Exif" not in found.picture
    assert address(engine, user_id) == address_of(made)


@pytest.mark.parametrize(
    "answer",
    [
        (404, b"", ""),
        (200, b"<html>", ""),
        (200, image_bytes()[:100], ""),
        (200, b"\x89PNG\r\n\x1a\n" + bytes(MAX_AVATAR_BYTES), ""),
        (302, b"", "/a"),
        (302, b"", "http://10.0.0.1/a"),
        (302, b"", "file:///etc/passwd"),
        (302, b"", "https://a..example/"),
        (302, b"", f"https://{'a' * 64}.example/"),
        (302, b"", "https://[x/"),
        (302, b"", "//a]b/"),
    ],
    ids=["missing", "html", "damaged", "large", "loop", "private", "file", "label", "long label", "bracket", "end"],
)
def test_address_without_a_picture_is_taken_from_the_user(
    engine: Engine, fetcher: AvatarFetcher, host: Host, user_id: int, answer: tuple[int, bytes, str]
) -> None:
    host.answers["/a"] = answer
    made = give(engine, user_id, f"{host.url}/a")
    process_avatar(made, engine=engine, fetch=fetcher.fetch)
    assert state(engine, made) == "failed"
    assert address(engine, user_id) is None


@pytest.mark.parametrize("late", [False, True])
def test_address_without_a_picture_is_taken_from_the_group(
    engine: Engine, fetcher: AvatarFetcher, host: Host, user_id: int, late: bool
) -> None:
    """``late``: the group gets the address when the picture has failed already."""
    host.answers["/a"] = 404, b"", ""
    with writing(engine) as conn:
        group = create_group(conn, user_id, "Team", [])
        assert group is not None
        made = store.add(conn, user_id, source=f"{host.url}/a", conversation_id=group)
    if late:
        process_avatar(made, engine=engine, fetch=fetcher.fetch)
    with writing(engine) as conn:
        conn.execute(update(Conversation).where(Conversation.id == group).values(avatar_url=address_of(made)))
        conn.execute(update(Avatar).values(sweep_at=func.now()))
    if late:
        with writing(engine) as conn:
            store.forget_unused(conn)
    else:
        process_avatar(made, engine=engine, fetch=fetcher.fetch)
    with reading(engine) as conn:
        assert conn.execute(select(Conversation.avatar_url).where(Conversation.id == group)).scalar_one() is None


def test_own_machine_is_never_called(engine: Engine, redis_client: redis.Redis, host: Host, user_id: int) -> None:
    host.answers["/a"] = 200, image_bytes(), ""
    made = give(engine, user_id, f"{host.url}/a")
    process_avatar(made, engine=engine, fetch=AvatarFetcher(redis=redis_client, loopback=False).fetch)
    assert host.calls == []
    assert state(engine, made) == "failed"


def test_host_that_fails_is_tried_again_a_few_times(
    engine: Engine, fetcher: AvatarFetcher, host: Host, user_id: int
) -> None:
    host.answers["/a"] = 503, b"", ""
    made = give(engine, user_id, f"{host.url}/a")
    for _ in range(3):
        process_avatar(made, engine=engine, fetch=fetcher.fetch)
        assert state(engine, made) == "waiting"
    process_avatar(made, engine=engine, fetch=fetcher.fetch)
    assert state(engine, made) == "failed"
    assert address(engine, user_id) is None


def test_one_worker_fetches_at_a_time(
    engine: Engine, fetcher: AvatarFetcher, redis_client: redis.Redis, host: Host, user_id: int
) -> None:
    host.answers["/a"] = 200, image_bytes(), ""
    made = give(engine, user_id, f"{host.url}/a")
    redis_client.set(keys.AVATAR_FETCH, "1")
    process_avatar(made, engine=engine, fetch=fetcher.fetch)
    assert (state(engine, made), host.calls) == ("waiting", [])
    redis_client.delete(keys.AVATAR_FETCH)
    process_avatar(made, engine=engine, fetch=fetcher.fetch)
    assert (state(engine, made), host.calls) == ("ready", ["/a"])
    assert not redis_client.exists(keys.AVATAR_FETCH)


def test_addresses_from_before_become_ours(engine: Engine, user_id: int) -> None:
    with writing(engine) as conn:
        users.update_profile(conn, user_id, avatar_url="https://tracker.invalid/x")
    (made,) = adopt_outside(engine=engine)
    assert avatar_of(address(engine, user_id)) == made
    assert adopt_outside(engine=engine) == []


def test_pictures_that_nobody_has_are_deleted(engine: Engine, user_id: int) -> None:
    used, unused = give(engine, user_id, "https://x.invalid/1"), ""
    with writing(engine) as conn:
        unused = store.add(conn, user_id, source="https://x.invalid/2")
        for made in (used, unused):
            store.mark_ready(conn, made, b"picture")
        conn.execute(update(Avatar).where(Avatar.user_id == user_id).values(sweep_at=func.now()))
    with writing(engine) as conn:
        store.forget_unused(conn)
    assert (state(engine, used), state(engine, unused)) == ("ready", None)
    with writing(engine) as conn:
        conn.execute(update(User).where(User.id == user_id).values(avatar_url=None))
        assert store.forget_unused(conn) == 0  # it is checked again in a week


def test_overdue_pictures_are_found(engine: Engine, user_id: int) -> None:
    made = give(engine, user_id, "https://x.invalid/1")
    with reading(engine) as conn:
        assert made not in store.due(conn)
    with writing(engine) as conn:
        conn.execute(update(Avatar).where(Avatar.user_id == user_id).values(sweep_at=func.now()))
    with reading(engine) as conn:
        assert made in store.due(conn)
