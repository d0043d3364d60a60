"""Turns credentials into callers: access tokens of this deployment or of its external issuer, and tickets."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from redis import Redis

from app.config import Settings
from app.core.caller import Caller
from app.core.errors import Overloaded, Suspended, Unauthorized
from app.core.external_claims import ExternalClaims
from app.core.key_ring import KeyRing
from app.fanout.revocation import RevokedSessions
from app.fanout.suspension import SuspendedUsers
from app.redis_calls import redis_errors_as_overloaded
from app.services.auth.external_issuer import ExternalIssuer
from app.services.auth.local_tokens import LocalClaims, looks_local, read_local_token, read_refresh_token
from app.services.auth.tickets import take_ticket

MAX_TOKENS = 20_000  # about 10 MB


class TokenCache:
    """Callers of tokens that were verified before, so that each signature is computed once.

    Keyed by the token's SHA-256: the process keeps no token. It does not include revocation, which callers check every
    time. If the cache is full, it drops the least recently used entry.
    """

    def __init__(self, max_tokens: int = MAX_TOKENS) -> None:
        self._max = max_tokens
        self._callers: OrderedDict[bytes, Caller] = OrderedDict()

    def __len__(self) -> int:
        return len(self._callers)

    def get(self, token: str, now: float) -> Caller | None:
        key = _key(token)
        caller = self._callers.get(key)
        if caller is None:
            return None
        if caller.expires_at <= now:
            self._callers.pop(key, None)
            return None
        self._callers.move_to_end(key)
        return caller

    def put(self, token: str, caller: Caller) -> None:
        self._callers[_key(token)] = caller
        while len(self._callers) > self._max:
            self._callers.popitem(last=False)


class Authenticator:
    """``issuer`` is None unless the deployment trusts an external user service. ``follow_claims`` returns the id of
    the user whom its claims name.

    All methods raise Unauthorized for a credential that is not valid, Suspended if its user is suspended, and
    Overloaded if they need Redis, Postgres or the issuer and it does not answer.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        redis: Redis,
        revoked: RevokedSessions,
        suspended: SuspendedUsers,
        issuer: ExternalIssuer | None,
        follow_claims: Callable[[ExternalClaims], int],
    ) -> None:
        self._settings = settings
        self._keys = KeyRing(settings.keys)
        self._redis = redis
        self._revoked = revoked
        self._suspended = suspended
        self._issuer = issuer
        self._follow_claims = follow_claims
        self._verified = TokenCache()

    def verify(self, token: str) -> Caller:
        """Returns the token's caller. Raises Unauthorized if the token is forged or expired, is not an access token,
        or belongs to a session that was logged out.

        Each token's signature is computed once. Revocation is checked every time; in a gateway that is a look-up in
        memory.
        """
        caller = self._caller(token)
        self._refuse_revoked(caller)
        return caller

    def verify_to_log_out(self, token: str) -> Caller:
        """Returns the token's caller as ``verify`` does, but needs no Redis: a session may be ended twice."""
        caller = self._caller(token)
        with suppress(Overloaded):
            self._refuse_revoked(caller)
        return caller

    def _caller(self, token: str) -> Caller:
        caller = self._verified.get(token, time.time())
        if caller is None:
            caller = self._read(token)
            self._verified.put(token, caller)
        return caller

    def read_refresh_token(self, token: str) -> LocalClaims:
        """Returns the claims of a refresh token of this deployment, without checking its session."""
        return read_refresh_token(token, keys=self._keys)

    def verified_before(self, token: str) -> Caller | None:
        """Returns the caller of a token that this process has verified before; None for any other token."""
        caller = self._verified.get(token, time.time())
        if caller is not None:
            self._refuse_revoked(caller)
        return caller

    def redeem_ticket(self, ticket: str) -> Caller:
        """Uses the ticket up and returns its caller. Raises Unauthorized also if the caller's token has expired or its
        session was logged out.
        """
        caller = take_ticket(ticket, redis=self._redis)
        if caller.expires_at <= time.time() or self._is_revoked(caller):
            raise Unauthorized("The session that requested this ticket has ended.")
        self._refuse_suspended(caller)
        return caller

    def _refuse_revoked(self, caller: Caller) -> None:
        if self._is_revoked(caller):
            raise Unauthorized("The session was logged out.")
        self._refuse_suspended(caller)

    def _refuse_suspended(self, caller: Caller) -> None:
        if self._suspended.is_suspended(caller.user_id):
            raise Suspended

    def _is_revoked(self, caller: Caller) -> bool:
        with redis_errors_as_overloaded():
            return self._revoked.covers(caller.sid, caller.user_id)

    def _read(self, token: str) -> Caller:
        if self._issuer is None or (self._settings.local_accounts_on and self._is_local(token, self._issuer)):
            return _caller_of(read_local_token(token, keys=self._keys))
        claims = self._issuer.read_token(token)
        return Caller(user_id=self._follow_claims(claims), sid=claims.sid, expires_at=claims.expires_at)

    @staticmethod
    def _is_local(token: str, issuer: ExternalIssuer) -> bool:
        """Tokens that are signed with a shared secret look like Parley's own, but name their issuer."""
        return looks_local(token) and not issuer.is_named_by(token)


def _caller_of(claims: LocalClaims) -> Caller:
    if claims.type != "access":
        raise Unauthorized("This is not an access token.")
    return Caller(user_id=claims.user_id, sid=claims.sid, expires_at=claims.exp)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
