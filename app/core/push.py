"""Requests and answers about push notifications. These types validate, and OpenAPI is generated from them."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import time
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.commands import DeviceId, Id
from app.core.errors import Invalid

Preview = Annotated[
    Literal["full", "sender", "none"],
    Meta(description="What a notification shows: sender and text, only the sender, or neither"),
]
Endpoint = Annotated[str, Meta(min_length=12, max_length=2048)]
Token = Annotated[str, Meta(min_length=8, max_length=4096, pattern=r"^[!-~]+\Z")]
KeyText = Annotated[str, Meta(min_length=16, max_length=256, pattern=r"^[A-Za-z0-9_=+/-]+\Z")]
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]

# The platform of a Web Push subscription. Every other platform is one that devices register for.
BROWSER: Final = "browser"
Platform = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]{0,31}\Z",
        description="android, ios, web, or a platform that an added push provider serves",
        examples=["android", "ios", "web"],
    ),
]

PREVIEWS = ("none", "sender", "full")  # from the least to the most detail
_POINT_BYTES, _SECRET_BYTES = 65, 16


class SubscriptionKeys(Struct, frozen=True):
    """Base64url, as the browser gives them (RFC 8291)."""

    p256dh: KeyText
    auth: KeyText


class NewSubscription(Struct, rename="camel", frozen=True):
    """A browser's PushSubscription as its ``toJSON`` gives it. ``expirationTime``: ms since 1970."""

    endpoint: Endpoint
    keys: SubscriptionKeys
    expiration_time: float | None = None
    device_id: DeviceId | None = None


class NewDevice(Struct, rename="camel", frozen=True):
    """A device's registration token, of Firebase Cloud Messaging or of an added push provider.

    ``deviceId`` is the one that the device sends in ``join``.
    """

    token: Token
    platform: Platform
    device_id: DeviceId | None = None


class Registered(Struct, frozen=True):
    id: int


class WhichSubscription(Struct, frozen=True):
    endpoint: Endpoint


class WhichDevice(Struct, frozen=True):
    token: Token


class VapidKey(Struct, rename="camel", frozen=True):
    """The ``applicationServerKey`` for ``PushManager.subscribe``."""

    public_key: str


class DoNotDisturb(Struct, rename={"from_": "from", "time_zone": "timeZone"}, frozen=True):
    """Daily quiet hours, possibly past midnight, in the user's time zone (IANA name)."""

    from_: ClockTime
    to: ClockTime
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)]


class PushSettings(Struct, rename="camel", frozen=True):
    """``whileActive``: other devices are notified even while one is in use."""

    preview: Preview
    do_not_disturb: DoNotDisturb | None
    while_active: bool


class PushSettingsPatch(Struct, rename="camel", frozen=True):
    """Absent fields stay as they are."""

    preview: Preview | UnsetType = UNSET
    do_not_disturb: DoNotDisturb | UnsetType | None = UNSET
    while_active: bool | UnsetType = UNSET


class Noted(Struct, rename="camel", frozen=True):
    """A notification that the local twin was given to deliver."""

    target_id: Id
    platform: Platform
    sent_at: str
    payload: dict[str, Any]


class Outbox(Struct, frozen=True):
    """Newest first."""

    deliveries: list[Noted]


DEFAULTS = PushSettings("full", None, False)


def checked_keys(keys: SubscriptionKeys) -> SubscriptionKeys:
    """Raises Invalid unless the keys are an uncompressed point of P-256 and 16 bytes."""
    point = _decoded("keys.p256dh", keys.p256dh)
    if len(point) != _POINT_BYTES or point[0] != 4:
        raise Invalid.field("keys.p256dh", "not an uncompressed point of P-256")
    if len(_decoded("keys.auth", keys.auth)) != _SECRET_BYTES:
        raise Invalid.field("keys.auth", "not 16 bytes")
    return keys


def _decoded(field: str, text: str) -> bytes:
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        raise Invalid.field(field, "not base64url") from None


def checked_hours(hours: DoNotDisturb) -> DoNotDisturb:
    """Raises Invalid for an unknown time zone."""
    if zone_of(hours.time_zone) is None:
        raise Invalid.field("doNotDisturb.timeZone", "no such time zone")
    return hours


def zone_of(name: str) -> ZoneInfo | None:
    """Returns None if there is no such zone, or no longer."""
    if re.fullmatch(r"[A-Za-z0-9_+/-]+", name) is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def minutes_of(clock: str) -> int:
    """Returns minutes since midnight."""
    at = time.fromisoformat(clock)
    return at.hour * 60 + at.minute


def clock_of(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
