"""The contract of the rows of media. Postgres and the in-memory twin pass these tests."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from app.store.media import Found

TEXT = Found("file", "text/plain", 4)
PICTURE = Found("image", "image/jpeg", 9, width=3, height=2, blurhash="L", thumbnail=True)


class MediaWorld(Protocol):
    """``functions`` has the store's functions; ``conn`` is their first argument."""

    conn: Any
    functions: Any
    user: int
    conversation: int


class MediaContract:
    """Subclasses define the fixture ``world``."""

    def uploaded(self, world: MediaWorld, *pieces: bytes) -> str:
        """Stages a complete upload and returns its id."""
        id_ = str(uuid.uuid4())
        world.functions.begin(world.conn, id_, world.user, None, "memory", 1000)
        for n, piece in enumerate(pieces or (b"text",)):
            assert world.functions.add_chunk(world.conn, id_, n, piece)
        assert world.functions.finish_upload(world.conn, id_, world.conversation, TEXT, "a.txt")
        return id_

    def claim(self, world: MediaWorld, id_: str) -> Any:
        return world.functions.claim(world.conn, id_, lease_seconds=60.0)

    def state(self, world: MediaWorld, id_: str) -> str:
        return str(world.functions.get(world.conn, id_).state)

    def test_pieces_come_back_until_the_medium_is_settled(self, world: MediaWorld) -> None:
        f, id_ = world.functions, self.uploaded(world, b"te", b"xt")
        assert not f.add_chunk(world.conn, id_, 2, b"late")
        assert [f.read_chunk(world.conn, id_, n) for n in range(3)] == [b"te", b"xt", None]
        assert f.mark_ready(world.conn, id_, TEXT)
        assert f.read_chunk(world.conn, id_, 0) is None

    def test_claimed_medium_is_leased_to_one_worker(self, world: MediaWorld) -> None:
        id_ = self.uploaded(world)
        row = self.claim(world, id_)
        assert (row.id, row.state, row.tries, row.failures, row.bytes) == (id_, "processing", 1, 0, 4)
        assert (row.conversation_id, row.user_id, row.filename) == (world.conversation, world.user, "a.txt")
        assert self.claim(world, id_) is None
        assert world.functions.renew(world.conn, id_, lease_seconds=60.0)
        assert self.claim(world, str(uuid.uuid4())) is None

    def test_medium_that_was_requeued_can_be_claimed_again(self, world: MediaWorld) -> None:
        f, id_ = world.functions, self.uploaded(world)
        self.claim(world, id_)
        f.requeue(world.conn, id_, seconds=0.0, failed=True, orderly=False)
        row = self.claim(world, id_)
        assert (row.tries, row.failures) == (2, 1)
        f.requeue(world.conn, id_, seconds=0.0, failed=False, orderly=True)
        row = self.claim(world, id_)
        assert (row.tries, row.failures) == (1, 1)
        f.requeue(world.conn, id_, seconds=60.0, failed=True, orderly=True)
        assert self.claim(world, id_) is None

    def test_medium_is_settled_once(self, world: MediaWorld) -> None:
        f, id_ = world.functions, self.uploaded(world)
        self.claim(world, id_)
        f.save_findings(world.conn, id_, PICTURE, "a.jpg")
        row = f.get(world.conn, id_)
        assert (row.state, row.kind, row.content_type, row.filename) == ("processing", "image", "image/jpeg", "a.jpg")
        assert (row.width, row.height, row.blurhash, row.thumbnail) == (3, 2, "L", False)
        assert f.mark_ready(world.conn, id_, PICTURE)
        assert not f.mark_failed(world.conn, id_, "unreadable")
        assert not f.renew(world.conn, id_, lease_seconds=60.0)
        row = f.get(world.conn, id_)
        assert (row.state, row.kind, row.bytes, row.thumbnail, row.code) == ("ready", "image", 9, True, None)
        assert self.claim(world, id_) is None

    def test_failed_medium_keeps_its_code(self, world: MediaWorld) -> None:
        f, id_ = world.functions, self.uploaded(world)
        assert f.mark_failed(world.conn, id_, "unreadable")
        row = f.get(world.conn, id_)
        assert (row.state, row.code) == ("failed", "unreadable")
        assert f.read_chunk(world.conn, id_, 0) is None

    def test_deleted_medium_cannot_be_settled(self, world: MediaWorld) -> None:
        f, id_ = world.functions, self.uploaded(world)
        self.claim(world, id_)
        assert f.begin_deletion(world.conn, [id_]) == [id_]
        assert f.begin_deletion(world.conn, [id_]) == []
        assert f.read_chunk(world.conn, id_, 0) is None
        assert not f.renew(world.conn, id_, lease_seconds=60.0)
        assert not f.mark_ready(world.conn, id_, TEXT)
        f.discard(world.conn, id_)
        assert self.state(world, id_) == "deleting"
