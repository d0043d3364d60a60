"""Avatars: viewers get only addresses of this server, even if the picture came from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from app.core.avatars import PREFIX
from tests.contract.conftest import MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, RestClient
from tests.support.media_files import image_bytes
from tests.support.processes import Stack


@pytest.fixture
def load(server: Stack) -> Callable[[str], httpx.Response]:
    """``load(address)`` loads a picture as a browser does: without a token."""
    return lambda address: httpx.get(server.base_url + address, trust_env=False)


def upload(rest: RestClient, path: str, data: bytes) -> dict[str, object]:
    return dict(rest.json("PUT", path, files={"file": ("a.png", data, "image/png")}))


def size_of(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "JPEG"
        assert not image.getexif()
        return image.size


def test_uploaded_picture_is_served_small_from_our_address(
    rest: MakeRest, ann: Account, ben: Account, load: Callable[[str], httpx.Response]
) -> None:
    mine = upload(rest(ann), "/me/avatar", image_bytes(size=(2000, 1000)))
    address = str(mine["avatarUrl"])
    assert address.startswith(PREFIX)
    seen = rest(ben).json("GET", "/users", params={"ids": str(ann.user_id)})["users"][0]
    assert seen["avatarUrl"] == address
    eventually(lambda: load(address).status_code == 200, "the picture")
    answer = load(address)
    assert size_of(answer.content) == (480, 240)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert "immutable" in answer.headers["Cache-Control"]
    assert rest(ann).json("PATCH", "/me", json={"avatarUrl": None}).get("avatarUrl") is None


def test_group_picture_is_uploaded_by_those_who_may_change_the_group(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, load: Callable[[str], httpx.Response]
) -> None:
    made = group(ann, ben)
    path = f"/conversations/{made}/avatar"
    address = str(upload(rest(ann), path, image_bytes())["avatarUrl"])
    assert rest(ben).conversation(made)["avatarUrl"] == address
    eventually(lambda: load(address).status_code == 200, "the picture")
    with refused("forbidden"):
        upload(rest(ben), path, image_bytes())
    with refused("not_found"):
        upload(rest(eve), path, image_bytes())
    assert rest(ben).conversation(made)["avatarUrl"] == address


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_media"),
        (image_bytes()[:200], "unsupported_media"),
        (b"\x89PNG\r\n\x1a\n" + bytes(6 * 1024 * 1024), "too_large"),
    ],
    ids=["empty", "svg", "damaged", "large"],
)
def test_bad_pictures_are_refused_and_the_old_one_stays(rest: MakeRest, ann: Account, data: bytes, code: str) -> None:
    before = upload(rest(ann), "/me/avatar", image_bytes())["avatarUrl"]
    with refused(code):
        upload(rest(ann), "/me/avatar", data)
    assert rest(ann).json("GET", "/me")["avatarUrl"] == before


def test_given_address_is_never_shown(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    outside = "https://192.0.2.1/pixel.png"
    mine = rest(ann).json("PATCH", "/me", json={"avatarUrl": outside})
    made = group(ann, ben, avatarUrl=outside)
    rest(ann).change(made, avatarUrl=outside + "?2")
    seen = [
        mine,
        rest(ben).json("GET", "/users", params={"ids": str(ann.user_id)}),
        rest(ben).conversation(made),
        rest(ben).conversations(),
        rest(ben).json("GET", f"/conversations/{made}/messages"),
    ]
    assert "192.0.2.1" not in str(seen)
    assert str(mine["avatarUrl"]).startswith(PREFIX)
    assert rest(ben).conversation(made)["avatarUrl"].startswith(PREFIX)
    again = {"avatarUrl": mine["avatarUrl"]}
    assert rest(ann).json("PATCH", "/me", json=again)["avatarUrl"] == mine["avatarUrl"]


def test_unknown_picture_is_refused(rest: MakeRest, ann: Account, load: Callable[[str], httpx.Response]) -> None:
    unknown = PREFIX + "00000000-0000-4000-8000-000000000000"
    with refused("invalid"):
        rest(ann).json("PATCH", "/me", json={"avatarUrl": unknown})
    assert load(unknown).status_code == load(PREFIX + "x").status_code == 404


def test_addresses_from_before_are_hidden_and_then_fetched(
    rest: MakeRest, ann: Account, ben: Account, stored: Engine
) -> None:
    with stored.begin() as connection:
        statement = "update users set avatar_url = 'https://192.0.2.1/x' where id = :id"
        connection.execute(text(statement), {"id": ann.user_id})
    seen = rest(ben).json("GET", "/users", params={"ids": str(ann.user_id)})["users"][0]
    assert "192.0.2.1" not in str(seen)
