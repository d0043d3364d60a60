"""The guarantees of every media storage: the local directory and Cloudinary (a stand-in that verifies signatures)."""

from __future__ import annotations

import errno
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.media.cloudinary_storage import CHUNK, CloudinaryStorage, retry_after
from app.media.local_storage import LocalStorage
from app.media.signed import read_signed
from app.media.storage import Storage, StorageError
from tests.support.cloudinary import FakeCloudinary, Fault
from tests.support.media_files import image_bytes
from tests.twins.storage_contract import Put, StorageContract, asset, put_through

SECRET = "k" * 32


@pytest.fixture
def cloudinary() -> Iterator[FakeCloudinary]:
    with FakeCloudinary(timeout=1.0) as fake:
        yield fake


@pytest.fixture
def remote(cloudinary: FakeCloudinary) -> Iterator[CloudinaryStorage]:
    made = CloudinaryStorage(cloudinary.url)
    yield made
    made.close()


@pytest.fixture(params=["local", "remote"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(str(tmp_path / "kept"), SECRET)
    made: Storage = request.getfixturevalue("remote")
    return made


@pytest.fixture
def put(tmp_path: Path) -> Put:
    return put_through(tmp_path)


class TestStorage(StorageContract):
    pass


# -- the local directory --------------------


def test_local_address_is_valid_for_one_file_until_it_expires() -> None:
    storage = LocalStorage("unused", SECRET)
    url = storage.address(asset("file", "text/html"), thumbnail=False, expires_at=1000)
    token = parse_qs(urlsplit(url).query)["token"][0]
    claims = read_signed([SECRET], token, 999)
    assert claims is not None
    assert claims["t"] == "application/octet-stream"
    assert claims["a"] is True
    assert read_signed([SECRET], token, 1000) is None
    assert read_signed(["another" * 8], token, 999) is None
    for forged in (token[:-1], f"x{token}", "", ".", "é.x", token.replace(".", "..")):
        assert read_signed([SECRET], forged, 999) is None


def test_full_disk_raises_and_leaves_no_partial_file(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path), SECRET)

    def full() -> Iterator[bytes]:
        yield b"some"
        raise OSError(errno.ENOSPC, "No space left on device")

    name = str(uuid.uuid4())
    with pytest.raises(StorageError) as caught:
        storage.write(name, full())
    assert caught.value.retry_after is not None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# -- Cloudinary --------------------


def test_large_file_is_uploaded_in_parts(cloudinary: FakeCloudinary, remote: CloudinaryStorage, put: Put) -> None:
    storage, one = remote, asset("video", "video/mp4")
    data = bytes(range(256)) * (2 * CHUNK // 256) + b"the rest"
    put(storage, one, data)
    assert cloudinary.calls.count("upload") == 3
    assert list(cloudinary.of(one.id).values()) == [data]


def test_assets_are_private_and_addresses_use_the_download_call(
    cloudinary: FakeCloudinary, remote: CloudinaryStorage, put: Put
) -> None:
    storage, one, data = remote, asset(), image_bytes()
    put(storage, one, data)
    assert {place[1] for place in cloudinary.assets} == {"authenticated"}
    good = storage.address(one, thumbnail=False, expires_at=int(time.time()) + 60)
    assert httpx.get(good, trust_env=False).content == data
    for bad in (
        storage.address(one, thumbnail=False, expires_at=int(time.time()) - 1),
        good.replace("expires_at=", "expires_at=1"),
        good.replace(one.id, str(uuid.uuid4())),
    ):
        assert httpx.get(bad, trust_env=False).status_code in (400, 401)


def test_other_files_are_served_as_downloads(cloudinary: FakeCloudinary, remote: CloudinaryStorage, put: Put) -> None:
    storage, one = remote, asset("file", "image/svg+xml")
    put(storage, one, b"<svg/>")
    answer = httpx.get(storage.address(one, thumbnail=False, expires_at=int(time.time()) + 60), trust_env=False)
    assert answer.headers["content-disposition"] == "attachment"


def test_wrong_credentials_are_a_temporary_failure(cloudinary: FakeCloudinary, tmp_path: Path) -> None:
    storage = CloudinaryStorage(cloudinary.url.replace("a%20secret", "another"))
    path = tmp_path / "given"
    path.write_bytes(image_bytes())
    with pytest.raises(StorageError) as caught:
        storage.put(asset(), str(path), replace=False, alive=lambda: None)
    storage.close()
    assert caught.value.retry_after == 60.0
    assert cloudinary.refusals == ["upload: Invalid Signature"]
    assert cloudinary.assets == {}


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        (Fault(status=500), 2.0),
        (Fault(status=429, retry_after="7"), 7.0),
        (Fault(status=420), 2.0),
        (Fault(status=400), None),
        (Fault(status=302), None),
        (Fault(drop=True), 2.0),
        (Fault(stall=1.5), 2.0),
        (Fault(late=1.5), 2.0),
    ],
    ids=str,
)
def test_failure_states_when_to_retry(
    cloudinary: FakeCloudinary, remote: CloudinaryStorage, tmp_path: Path, fault: Fault, after: float | None
) -> None:
    storage, path = remote, tmp_path / "given"
    path.write_bytes(image_bytes())
    cloudinary.fail("upload", fault)
    with pytest.raises(StorageError) as caught:
        storage.put(asset(), str(path), replace=False, alive=lambda: None)
    assert caught.value.retry_after == after


def test_late_answer_does_not_make_a_second_asset(
    cloudinary: FakeCloudinary, remote: CloudinaryStorage, put: Put
) -> None:
    storage, one, data = remote, asset(), image_bytes()
    cloudinary.fail("upload", Fault(late=1.5))
    with pytest.raises(StorageError):
        put(storage, one, data)
    put(storage, one, data)
    assert cloudinary.created == [("image", "authenticated", f"parley/{one.id}")]


def test_direct_upload_works_once_until_it_expires(cloudinary: FakeCloudinary, remote: CloudinaryStorage) -> None:
    storage, data = remote, image_bytes()
    one = asset(size=len(data))

    def send(expires_at: float, data: bytes, **changed: str) -> httpx.Response:
        upload = storage.direct_upload(one, user_id=1, conversation_id=2, expires_at=int(expires_at))
        return httpx.post(upload.url, data={**upload.fields, **changed}, files={"file": data}, trust_env=False)

    assert send(time.time() - 1, data).status_code == 400
    assert send(time.time() + 60, b"no JPEG").status_code == 400
    assert send(time.time() + 60, data, public_id="parley/another").status_code == 401
    assert send(time.time() + 60, data, context="user=9").status_code == 401
    assert cloudinary.assets == {}
    assert send(time.time() + 60, data).status_code == 200
    assert send(time.time() + 60, image_bytes(size=(9, 9))).json()["existing"] is True
    assert b"".join(storage.read(one)) == data


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, 2.0), ("12", 12.0), ("0", 1.0), ("soon", 2.0), ("999999", 3600.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0)],
)
def test_retry_after_is_parsed_in_both_forms(given: str | None, seconds: float) -> None:
    assert retry_after(given, 60.0) == seconds
