"""Webhooks: requests and answers of their API, rules for their addresses, and when a delivery is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.answer_base import Answer, Time
from app.core.errors import Invalid
from app.core.host_events import TYPES

MAX_WEBHOOKS = 50
MAX_URL = 2000
MAX_LABEL = 63  # characters between the dots of a host name (RFC 1035)
MAX_EVENTS, DEFAULT_EVENTS = 1000, 200
MAX_DELIVERIES, DEFAULT_DELIVERIES = 200, 50
# The pauses after the first failed attempts of a delivery. The last one repeats.
RETRY_SECONDS = (5, 30, 120, 600, 3600, 3 * 3600)
GIVE_UP_SECONDS = 24 * 3600
FAILING = "failing"
GONE = "gone"

Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL, description="https, or http for a private host")]
Description = Annotated[str, Meta(max_length=500)]
Types = Annotated[list[str], Meta(min_length=1, max_length=len(TYPES), description="Types of events")]
State = Literal["on", "off"]
DeliveryState = Literal["pending", "delivered", "failed"]


class NewWebhook(Struct, frozen=True):
    """Without ``types``, the webhook gets all events, including types that later releases add."""

    url: Url
    types: Types | None = None
    description: Description = ""


class WebhookPatch(Struct, frozen=True):
    """If ``types`` is null, the webhook gets all types."""

    url: Url | UnsetType = UNSET
    types: Types | UnsetType | None = UNSET
    description: Description | UnsetType = UNSET
    state: State | UnsetType = UNSET


class WebhookMade(Answer, frozen=True, kw_only=True):
    """Only this answer shows the secret."""

    webhook_id: int
    secret: str


class WebhookView(Answer, frozen=True, kw_only=True):
    """``offReason``: ``gone`` if the receiver answered 410, ``failing`` if nothing arrived for a day."""

    webhook_id: int
    url: str
    description: str
    state: State
    created_at: Time
    types: list[str] | UnsetType = UNSET
    off_reason: str | UnsetType = UNSET
    failing_since: Time | UnsetType = UNSET
    delivered_at: Time | UnsetType = UNSET


class WebhookList(Answer, frozen=True, kw_only=True):
    webhooks: list[WebhookView]


class DeliveryView(Answer, frozen=True, kw_only=True):
    """``id`` is the id of the event. ``status`` and ``error`` describe the last attempt."""

    id: str
    state: DeliveryState
    attempts: int
    created_at: Time
    type: str | UnsetType = UNSET
    status: int | UnsetType = UNSET
    error: str | UnsetType = UNSET
    ended_at: Time | UnsetType = UNSET


class DeliveryList(Answer, frozen=True, kw_only=True):
    deliveries: list[DeliveryView]
    cursor: str | UnsetType = UNSET


class ReplayWebhook(Struct, frozen=True):
    """``after`` is the id of an event, or a cursor of the feed."""

    after: str


class ReplayTaken(Answer, frozen=True, kw_only=True):
    status: Literal["accepted"]


class HostEventView(Answer, frozen=True, kw_only=True):
    """The body of a delivery. ``data`` depends on the type."""

    id: str
    type: str
    created_at: Time
    data: msgspec.Raw


class FeedView(Answer, frozen=True, kw_only=True):
    """If ``lost`` is true, events after your cursor were deleted because nobody pulled in time."""

    events: list[HostEventView]
    cursor: str
    lost: bool | UnsetType = UNSET


def checked_types(types: Iterable[str], field: str = "types") -> list[str]:
    """Returns the types without repetitions. Raises Invalid for an unknown one."""
    wanted = list(dict.fromkeys(types))
    for type_ in wanted:
        if type_ not in TYPES:
            raise Invalid.field(field, f"there is no type {type_!r}")
    return wanted


def retry_seconds(failed: int) -> float:
    """Returns the pause after ``failed`` attempts without success."""
    return float(RETRY_SECONDS[min(failed, len(RETRY_SECONDS)) - 1])


def checked_address(url: str, private_hosts: tuple[str, ...]) -> str:
    """Returns the host name of a webhook's address, in lower case. Raises Invalid if Parley would not call it.

    Hosts of ``private_hosts`` may have private IP addresses, and may be called without TLS.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid.field("url", "is not an address") from None
    host = (parts.hostname or "").lower().rstrip(".")
    if (
        not url.isascii()
        or any(character <= " " or character in "\\\x7f" for character in url)
        or not all(0 < len(label) <= MAX_LABEL for label in host.split("."))
        or port == 0
    ):
        raise Invalid.field("url", "is not an address")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Invalid.field("url", "must have neither a user nor a fragment")
    allowed = ("http", "https") if is_private(host, private_hosts) else ("https",)
    if parts.scheme not in allowed:
        raise Invalid.field("url", f"must begin with {' or '.join(f'{scheme}://' for scheme in allowed)}")
    return host


def is_private(host: str, private_hosts: tuple[str, ...]) -> bool:
    """Returns whether a pattern matches the host. A pattern is a name, an IP address, or ``*.name`` for subdomains."""
    return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in private_hosts)
