"""The contract of every media storage. The in-memory twin passes these tests as well."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from app.media.storage import Asset, Storage, StorageError
from tests.support.media_files import image_bytes

Put = Callable[..., None]


def asset(kind: str = "image", content_type: str = "image/jpeg", size: int = 0) -> Asset:
    return Asset(str(uuid.uuid4()), kind, content_type, size, "a file.jpg")  # type: ignore[arg-type]


def put_through(directory: Path) -> Put:
    """Returns ``put(storage, asset, data)``, which stores the data from a file in this directory."""

    def act(storage: Storage, one: Asset, data: bytes, *, replace: bool = False) -> None:
        path = directory / "given"
        path.write_bytes(data)
        assert storage.put(one, str(path), replace=replace, alive=lambda: None).bytes == len(data)

    return act


class StorageContract:
    """Subclasses define the fixture ``storage``, an empty storage."""

    @pytest.fixture
    def put(self, tmp_path: Path) -> Put:
        return put_through(tmp_path)

    def test_stored_asset_is_complete(self, storage: Storage, put: Put) -> None:
        one, data = asset(), image_bytes()
        assert storage.describe(one) is None
        put(storage, one, data)
        found = storage.describe(one)
        assert found is not None
        assert found.bytes == len(data)
        assert b"".join(storage.read(one)) == data

    def test_putting_twice_keeps_the_first_asset_unless_replaced(
        self, storage: Storage, put: Put, tmp_path: Path
    ) -> None:
        one, data = asset(), image_bytes()
        put(storage, one, data)
        path = tmp_path / "another"
        path.write_bytes(image_bytes(size=(30, 20)))
        storage.put(one, str(path), replace=False, alive=lambda: None)
        assert b"".join(storage.read(one)) == data
        storage.put(one, str(path), replace=True, alive=lambda: None)
        assert b"".join(storage.read(one)) == path.read_bytes()

    def test_remove_deletes_the_thumbnail_too_and_is_idempotent(self, storage: Storage, put: Put) -> None:
        one = asset()
        put(storage, one, image_bytes())
        storage.put_thumbnail(one, image_bytes(size=(8, 8)))
        for _ in range(2):
            storage.remove(one)
            assert storage.describe(one) is None
        with pytest.raises(StorageError) as caught:
            list(storage.read(one))
        assert caught.value.retry_after is None

    def test_interrupted_upload_leaves_no_asset(self, storage: Storage, tmp_path: Path) -> None:
        one, path = asset(), tmp_path / "given"
        path.write_bytes(image_bytes())

        def stop() -> None:
            raise InterruptedError

        with pytest.raises((InterruptedError, StorageError)):
            storage.put(one, str(path), replace=False, alive=stop)
        assert storage.describe(one) is None

    def test_address_is_for_one_variant_and_expires(self, storage: Storage) -> None:
        one = asset()
        addresses = {storage.address(one, thumbnail=thumbnail, expires_at=2_000_000_000) for thumbnail in (True, False)}
        assert len(addresses) == 2
