"""How often something may be tried or changed by REST: per address and per user or username. Raises RateLimited with
``retryAfter``.

All limits of one act are taken in one round trip, and either all or none. A limit of 0 in the settings is none. What
users do by commands is counted without a round trip each: user_rates.py.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import redis

from app.core.errors import RateLimited
from app.message_log import keys
from app.redis_calls import asking

if TYPE_CHECKING:
    from app.container import Container

MINUTE, DAY = 60, 86_400
# Offices and mobile networks put many people behind one address; a person's own limit is the tighter one.
PEOPLE_PER_ADDRESS = 20


class Limit(NamedTuple):
    """At most ``most`` of ``what`` by ``who`` in ``seconds``, sustained, and as many at once."""

    what: str
    who: str
    most: int
    seconds: int = MINUTE

    @property
    def interval_us(self) -> int:
        return self.seconds * 1_000_000 // self.most


class RateLimits:
    def __init__(self, client: redis.Redis) -> None:
        source = files("app.message_log").joinpath("lua/rate_limit.lua").read_text(encoding="utf-8")
        self._script = client.register_script(source)

    def take(self, *limits: Limit) -> None:
        """Raise RateLimited where one of them is used up; then none is charged. Raise Overloaded without
        Redis.
        """
        active = [limit for limit in limits if limit.most > 0]
        if not active:
            return
        names = [keys.rate(limit.what, _digest(limit.who)) for limit in active]
        arguments = [part for limit in active for part in (limit.interval_us, limit.most)]
        wait = int(asking(lambda: self._script(keys=names, args=arguments)))
        if wait > 0:
            raise RateLimited(retry_after=max(1, math.ceil(wait / 1_000_000)))


def limit_sign_in(parley: Container, address: str, username: str) -> None:
    """Guessing at passwords: from one address at many names, and from many addresses at one name."""
    most = parley.settings.auth_attempts_per_minute
    parley.limits.take(
        Limit("sign-in", network_of(address), most * PEOPLE_PER_ADDRESS),
        Limit("sign-in-name", username.lower(), most),
    )


def limit_tokens(parley: Container, address: str, user_id: int | None = None) -> None:
    """Refreshes and tickets. Called with the address alone where the user is not known yet."""
    _person_and_address(parley, "tokens", parley.settings.token_requests_per_minute, address, user_id)


def limit_joins(parley: Container, address: str, user_id: int | None = None) -> None:
    """Sessions that begin, on any transport."""
    _person_and_address(parley, "joins", parley.settings.joins_per_minute, address, user_id)


def limit_writes(parley: Container, address: str, user_id: int) -> None:
    """Whatever else changes something by REST: conversations, members, invites, profiles, blocks."""
    parley.limits.take(*_writes(parley, address, user_id))


def limit_reports(parley: Container, address: str, user_id: int) -> None:
    """Each is read by a person."""
    own = Limit("reports", str(user_id), parley.settings.reports_per_minute)
    parley.limits.take(own, *_writes(parley, address, user_id))


def limit_exports(parley: Container, address: str, user_id: int) -> None:
    """Each reads all that a user ever wrote."""
    own = Limit("exports", str(user_id), parley.settings.exports_per_day, DAY)
    parley.limits.take(own, *_writes(parley, address, user_id))


def limit_uploads(parley: Container, address: str, user_id: int) -> None:
    """Each is megabytes, and a worker's time."""
    own = Limit("uploads", str(user_id), parley.settings.uploads_per_minute)
    parley.limits.take(own, *_writes(parley, address, user_id))


def limit_deletion(parley: Container, address: str, user_id: int) -> None:
    """Of an account: it asks for the password, which is not to be guessed at with a stolen token."""
    own = Limit("passwords", str(user_id), parley.settings.auth_attempts_per_minute)
    parley.limits.take(own, *_writes(parley, address, user_id))


def _writes(parley: Container, address: str, user_id: int) -> tuple[Limit, Limit]:
    most = parley.settings.writes_per_minute
    by_address = Limit("writes-address", network_of(address), most * PEOPLE_PER_ADDRESS)
    return Limit("writes", str(user_id), most), by_address


def _person_and_address(parley: Container, what: str, most: int, address: str, user_id: int | None) -> None:
    limits = [Limit(f"{what}-address", network_of(address), most * PEOPLE_PER_ADDRESS)]
    if user_id is not None:
        limits = [Limit(what, str(user_id), most)]
    parley.limits.take(*limits)


def network_of(address: str) -> str:
    """The address; of IPv6 the /64, since one customer has at least that many addresses to try from."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip), 64), strict=False))
    return str(ip)


def _digest(who: str) -> str:
    """Names in Redis keys are bounded in length and tell nobody who tried."""
    return hashlib.sha256(who.encode(errors="replace")).hexdigest()[:32]
