"""Where a user's notifications go: browsers' push subscriptions and devices, each bound to the sign-in it came with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.caller import Caller
from app.core.errors import Invalid, Unauthorized
from app.core.push import NewDevice, NewSubscription, Registered, checked_keys
from app.push.endpoint import EndpointRules, ForbiddenEndpointError, check_endpoint
from app.store import push_targets as store
from app.store.engine import writing
from app.store.push_targets import FCM_HOST, NewTarget

if TYPE_CHECKING:
    from app.container import Container

_LATEST_MS = 4_102_444_800_000  # the year 2100


def register_subscription(parley: Container, caller: Caller, new: NewSubscription) -> Registered:
    """Safe to repeat. Raise Invalid where it is none that may be called, Unauthorized, Overloaded."""
    settings = parley.settings
    try:
        host = check_endpoint(new.endpoint, EndpointRules(settings.push_hosts, settings.push_loopback))
    except ForbiddenEndpointError as error:
        raise Invalid.field("endpoint", str(error)) from None
    keys = checked_keys(new.keys)
    target = NewTarget(
        user_id=caller.user_id,
        auth_session=caller.sid,
        platform="browser",
        host=host,
        address=new.endpoint,
        p256dh=keys.p256dh,
        auth=keys.auth,
        device_id=new.device_id,
        expires_ms=_expiry(new.expiration_time),
    )
    return _register(parley, target)


def register_device(parley: Container, caller: Caller, new: NewDevice) -> Registered:
    """Safe to repeat. Raise Unauthorized, Overloaded."""
    target = NewTarget(
        user_id=caller.user_id,
        auth_session=caller.sid,
        platform=new.platform,
        host=FCM_HOST,
        address=new.token,
        device_id=new.device_id,
    )
    return _register(parley, target)


def _register(parley: Container, target: NewTarget) -> Registered:
    with writing(parley.engine) as connection:
        made = store.register(connection, target)
    if made is None:
        raise Unauthorized("This session was logged out.")
    return Registered(made)


def _expiry(expiration_time: float | None) -> int | None:
    """Raise Invalid for a moment that is none."""
    if expiration_time is None:
        return None
    if not 0 <= expiration_time <= _LATEST_MS:
        raise Invalid.field("expirationTime", "not a moment in ms since 1970")
    return int(expiration_time)


def forget_address(parley: Container, user_id: int, platform: str, address: str) -> None:
    """Safe to repeat, also for what is not there or not the user's. Raise Overloaded."""
    with writing(parley.engine) as connection:
        store.forget_address(connection, user_id, platform, address)


def forget_target(parley: Container, user_id: int, target_id: int, *, browser: bool) -> None:
    """Likewise."""
    with writing(parley.engine) as connection:
        store.forget_id(connection, user_id, target_id, browser=browser)
