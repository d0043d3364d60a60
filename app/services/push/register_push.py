"""Registers and removes push targets (browser subscriptions and devices), each bound to the sign-in that made it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine

from app.core.caller import Caller
from app.core.errors import Invalid, Unauthorized
from app.core.push import BROWSER, NewDevice, NewSubscription, Registered, checked_keys
from app.push.endpoint import EndpointRules, ForbiddenEndpointError, check_endpoint
from app.store import push_targets as store
from app.store.engine import writing
from app.store.push_targets import NewTarget

_LATEST_MS = 4_102_444_800_000  # the year 2100


def register_subscription(
    caller: Caller, new: NewSubscription, *, engine: Engine, rules: EndpointRules, language: str | None
) -> Registered:
    """Registers a browser. ``language`` is its preferred one. Safe to repeat.

    Raises Invalid if the endpoint must not be called or the keys are malformed, Unauthorized, Overloaded.
    """
    try:
        host = check_endpoint(new.endpoint, rules)
    except ForbiddenEndpointError as error:
        raise Invalid.field("endpoint", str(error)) from None
    keys = checked_keys(new.keys)
    target = NewTarget(
        user_id=caller.user_id,
        auth_session=caller.sid,
        platform=BROWSER,
        host=host,
        address=new.endpoint,
        p256dh=keys.p256dh,
        auth=keys.auth,
        device_id=new.device_id,
        expires_ms=_expiry(new.expiration_time),
        locale=language,
    )
    return _register(engine, target)


def register_device(
    caller: Caller, new: NewDevice, *, engine: Engine, platforms: Mapping[str, str], language: str | None
) -> Registered:
    """Registers a device. ``platforms`` maps platforms to the providers that serve them; ``language`` is the
    one that the device prefers. Safe to repeat.

    Raises Invalid if no provider serves the platform, Unauthorized, Overloaded.
    """
    devices = sorted(platforms.keys() - {BROWSER})
    if new.platform not in devices:
        raise Invalid.field("platform", f"must be one of {', '.join(devices)}")
    target = NewTarget(
        user_id=caller.user_id,
        auth_session=caller.sid,
        platform=new.platform,
        host=platforms[new.platform],
        address=new.token,
        device_id=new.device_id,
        locale=language,
    )
    return _register(engine, target)


def _register(engine: Engine, target: NewTarget) -> Registered:
    with writing(engine) as connection:
        target_id = store.register(connection, target)
    if target_id is None:
        raise Unauthorized("This session was logged out.")
    return Registered(target_id)


def _expiry(expiration_time: float | None) -> int | None:
    """Raises Invalid for a time before 1970 or after 2100."""
    if expiration_time is None:
        return None
    if not 0 <= expiration_time <= _LATEST_MS:
        raise Invalid.field("expirationTime", "must be a time in milliseconds since 1970")
    return int(expiration_time)


def forget_address(user_id: int, platform: str, address: str, *, engine: Engine) -> None:
    """Removes a target of the user. Does nothing if it does not exist or is another user's. Raises Overloaded."""
    with writing(engine) as connection:
        store.forget_address(connection, user_id, platform, address)


def forget_target(user_id: int, target_id: int, *, browser: bool, engine: Engine) -> None:
    """Removes a target of the user: a subscription if ``browser``, else a device.

    Does nothing if it does not exist, is of the other sort, or is another user's. Raises Overloaded.
    """
    with writing(engine) as connection:
        store.forget_id(connection, user_id, target_id, browser=browser)
