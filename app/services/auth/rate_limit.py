"""Limits how often REST requests may try or change something, per address and per user or username.

Every method raises RateLimited with ``retryAfter`` if a limit is used up, and Overloaded if Redis does not answer. All
limits of one request are taken in one round trip: either all of them or none. A limit of 0 in the settings is no limit.
Commands are limited without a round trip each (app/services/messaging/user_rates.py).
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

from redis import Redis

from app.config import Settings
from app.core.errors import RateLimited
from app.core.networks import network_of
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded
from app.redis_scripts import script

MINUTE, HOUR, DAY = 60, 3600, 86_400
# Offices and mobile networks have many people behind one address, so the limit per user is the tighter one.
PEOPLE_PER_ADDRESS = 20


class Limit(NamedTuple):
    """At most ``allowed`` requests of kind ``what`` by ``who`` in ``seconds``, sustained, and as many in one burst."""

    what: str
    who: str
    allowed: int
    seconds: int = MINUTE

    @property
    def interval_us(self) -> int:
        return self.seconds * 1_000_000 // self.allowed


class RateLimits:
    def __init__(self, *, redis: Redis, settings: Settings) -> None:
        self._script = script(redis, "app.message_log", "rate_limit", after="token_bucket")
        self._settings = settings

    def sign_in(self, address: str, username: str) -> None:
        """Limits sign-ins from one address, in all and for one name. Many addresses at one name must not lock its owner
        out (app/services/auth/password_guard.py).
        """
        allowed = self._settings.auth_attempts_per_minute
        network = network_of(address)
        self.take(
            Limit("sign-in", network, allowed * PEOPLE_PER_ADDRESS),
            Limit("sign-in-name", f"{network} {username.lower()}", allowed),
        )

    def known_device(self, sid: str) -> None:
        """Limits sign-ins on a device that an earlier sign-in made known."""
        self.take(Limit("sign-in-device", sid, self._settings.auth_attempts_per_minute))

    def tokens(self, user_id: int) -> None:
        """Limits refreshes and tickets."""
        self.take(Limit("tokens", str(user_id), self._settings.token_requests_per_minute))

    def writes(self, address: str, user_id: int) -> None:
        """Limits all other changes by REST: conversations, members, invites, profiles, blocks."""
        self.take(*self._writes(address, user_id))

    def reports(self, address: str, user_id: int) -> None:
        """A person reads each report."""
        own = Limit("reports", str(user_id), self._settings.reports_per_minute)
        self.take(own, *self._writes(address, user_id))

    def openings(self, user_id: int) -> None:
        """Limits the conversations that a new account opens. Spam comes from new accounts."""
        self.take(Limit("openings", str(user_id), self._settings.new_account_conversations, HOUR))

    def exports(self, address: str, user_id: int) -> None:
        """Each export reads everything that the user ever wrote."""
        own = Limit("exports", str(user_id), self._settings.exports_per_day, DAY)
        self.take(own, *self._writes(address, user_id))

    def uploads(self, address: str, user_id: int) -> None:
        """Each upload costs megabytes and a worker's time."""
        own = Limit("uploads", str(user_id), self._settings.uploads_per_minute)
        self.take(own, *self._writes(address, user_id))

    def password(self, address: str, user_id: int, sid: str) -> None:
        """Limits guessing the password with a stolen token: changing it and deleting the account require it."""
        own = Limit("passwords", sid, self._settings.auth_attempts_per_minute)
        self.take(own, *self._writes(address, user_id))

    def mail(self, address: str, who: str) -> None:
        """Limits mails that anybody can cause: from one address, and to one name or e-mail address."""
        allowed = self._settings.mails_per_hour
        self.take(
            Limit("mail-address", network_of(address), allowed * PEOPLE_PER_ADDRESS, HOUR),
            Limit("mail", who.lower(), allowed, HOUR),
        )

    def links(self, address: str) -> None:
        """Limits tries with the tokens of links, which nobody can guess: each costs a look-up."""
        allowed = self._settings.auth_attempts_per_minute
        self.take(Limit("links", network_of(address), allowed * PEOPLE_PER_ADDRESS))

    def server_key(self, key_id: int) -> None:
        """Limits the requests of one server key. No other limit applies to a host's server."""
        self.take(Limit("server-key", str(key_id), self._settings.server_requests_per_minute))

    def take(self, *limits: Limit) -> None:
        """Charges all limits. If one of them is used up, charges none."""
        active = [limit for limit in limits if limit.allowed > 0]
        if not active:
            return
        names = [keys.rate(limit.what, digest(limit.who)) for limit in active]
        arguments = [part for limit in active for part in (limit.interval_us, limit.allowed)]
        with redis_errors_as_overloaded():
            wait = int(self._script(keys=names, args=arguments))
        if wait > 0:
            raise RateLimited(retry_after=max(1, math.ceil(wait / 1_000_000)))

    def _writes(self, address: str, user_id: int) -> tuple[Limit, Limit]:
        allowed = self._settings.writes_per_minute
        by_address = Limit("writes-address", network_of(address), allowed * PEOPLE_PER_ADDRESS)
        return Limit("writes", str(user_id), allowed), by_address


def digest(who: str) -> str:
    """Bounds the length of names in Redis keys, and hides who made the request."""
    return hashlib.sha256(who.encode(errors="replace")).hexdigest()[:32]
