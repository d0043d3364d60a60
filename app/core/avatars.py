"""Addresses of avatars. Viewers get only our own addresses: from an outside address, its host would see who looks at
it, and when.
"""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from app.core.ids import UUID_TEXT

PREFIX = "/api/v1/avatars/"
OWN_ADDRESS = re.compile(re.escape(PREFIX) + f"({UUID_TEXT})")

MAX_AVATAR_BYTES = 5 * 1024 * 1024
MAX_AVATAR_PIXELS = 25_000_000


class AvatarForm(Struct, frozen=True):
    """``multipart/form-data``."""

    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "image/*"})]


def address_of(avatar_id: str) -> str:
    return PREFIX + avatar_id


def avatar_of(address: str | None) -> str | None:
    """Returns the id of an avatar from its address; None for an outside address."""
    found = OWN_ADDRESS.fullmatch(address or "")
    return found and found.group(1)


def shown(address: str | None) -> str | None:
    """Returns the address if viewers may get it; None for an outside address that is not fetched yet."""
    return address if avatar_of(address) is not None else None
