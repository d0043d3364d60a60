"""Auth sessions: one sign-in on one device, and the family of refresh tokens that belongs to it."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine

from app.core.accounts import SignInsEnding, UserView
from app.core.audit import Action
from app.core.caller import Caller
from app.core.errors import Overloaded, Unauthorized
from app.core.sign_ins import Origin
from app.fanout.announcements import announce_log_out
from app.fanout.revocation import RevokedSessions
from app.services.audit.record import record
from app.services.auth.local_tokens import LocalClaims
from app.services.auth.refuse_suspended import refuse_suspended
from app.store import auth_sessions as store
from app.store import push_targets
from app.store.engine import writing

log = logging.getLogger(__name__)

# Allows for the clocks of this process, of the one that issued the last token, and of those that check it.
CLOCK_MARGIN_SECONDS = 60
NOWHERE = Origin()


class AuthSession(NamedTuple):
    """The facts that tokens are made from (app/api/jwt_manager.py). ``generation`` counts refreshes from 0."""

    user_id: int
    sid: str
    generation: int


class SignIn(NamedTuple):
    user: UserView
    session: AuthSession


class AuthSessions:
    """Begins, refreshes and ends auth sessions. All methods raise Overloaded if Postgres does not answer.

    Methods that end sessions return None or, if Redis does not answer, what will end later.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        redis: Redis,
        revoked: RevokedSessions,
        access_token_seconds: int,
        refresh_token_seconds: int,
        sign_in_seconds: int,
    ) -> None:
        self._engine = engine
        self._redis = redis
        self._revoked = revoked
        self._access_seconds = access_token_seconds
        self._refresh_seconds = refresh_token_seconds
        self._sign_in_seconds = sign_in_seconds

    def begin(self, conn: Connection, user_id: int, origin: Origin = NOWHERE) -> AuthSession:
        """Begins a session within the caller's transaction; its tokens are valid once that commits.

        Raises Suspended.
        """
        refuse_suspended(conn, user_id)
        sid = str(uuid.uuid4())
        expires_ms = self._refresh_ends_ms()
        device_name, network = origin
        store.create_session(
            conn, sid, user_id, device_id=None, expires_ms=expires_ms, device_name=device_name, network=network
        )
        return AuthSession(user_id, sid, generation=0)

    def begin_for_host(self, conn: Connection, user_id: int, *, token_seconds: int, refreshable: bool) -> AuthSession:
        """Begins a session for which a host's server gets an access token of this lifetime, as ``begin`` does. Unless
        it is refreshable, it ends with that token.
        """
        refuse_suspended(conn, user_id)
        sid = str(uuid.uuid4())
        tokens_end_ms = (int(time.time()) + token_seconds + CLOCK_MARGIN_SECONDS) * 1000
        expires_ms = self._refresh_ends_ms() if refreshable else tokens_end_ms
        store.create_session(
            conn, sid, user_id, device_id=None, expires_ms=max(expires_ms, tokens_end_ms), tokens_until_ms=tokens_end_ms
        )
        return AuthSession(user_id, sid, generation=0)

    def refresh(self, claims: LocalClaims) -> AuthSession:
        """Returns the session's next generation. Each refresh token is valid once: a second use means that somebody
        holds a copy, so it revokes the whole family.

        Raises Unauthorized if the token was used before, was logged out or has expired. A client whose answer was lost
        signs in again, because the server cannot distinguish it from a thief.
        """
        with writing(self._engine) as conn:
            refuse_suspended(conn, claims.user_id)
            rotation = store.rotate_refresh(
                conn, claims.sid, claims.gen, expires_ms=self._refresh_ends_ms(), max_seconds=self._sign_in_seconds
            )
        if rotation.outcome == "reused":
            self.end(claims.sid, rotation.user_id, "refresh token used twice", action="token.reused")
        if rotation.outcome != "rotated" or rotation.user_id != claims.user_id:
            raise Unauthorized("The refresh token is no longer valid.")
        return AuthSession(rotation.user_id, claims.sid, rotation.generation)

    def log_out(self, caller: Caller) -> SignInsEnding | None:
        """Ends the caller's session."""
        return self.end(caller.sid, caller.user_id, "logged out", tokens_end=caller.expires_at)

    def end(
        self, sid: str, user_id: int, reason: str, *, tokens_end: int = 0, action: Action = "session.ended"
    ) -> SignInsEnding | None:
        """Ends a session: its tokens stop working in every process, and its open connections close.

        Writes to Postgres first, because everything after that can be rebuilt from it. Safe to repeat.
        ``tokens_end`` is the end of a token that the caller knows, in epoch seconds; another token of the session may
        end later, up to the longest lifetime.
        """
        tokens_end_ms = max(tokens_end * 1000 + CLOCK_MARGIN_SECONDS * 1000, self._tokens_end_ms())
        with writing(self._engine) as conn:
            if not self.has_ended(conn, sid):
                record(conn, action, actor_id=user_id, target_id=user_id, sessionId=sid, reason=reason)
            end = store.end_session(conn, sid, user_id, reason, tokens_end_ms=tokens_end_ms)
            push_targets.forget_session(conn, sid)
        return self.announce({sid: end})

    def end_others(self, conn: Connection, caller: Caller, reason: str) -> dict[str, int]:
        """Ends all sessions of the caller's user except the caller's own, within the caller's transaction. Pass the
        result to ``announce`` after the commit.
        """
        ended = self._end_all_but(conn, caller.user_id, caller.sid, reason)
        if ended:
            user_id = caller.user_id
            record(conn, "session.ended", actor_id=user_id, target_id=user_id, sessions=len(ended), reason=reason)
        return ended

    def end_all(self, conn: Connection, user_id: int, reason: str) -> dict[str, int]:
        """Ends all sessions of the user, as ``end_others`` does. The caller records the act."""
        return self._end_all_but(conn, user_id, None, reason)

    def _end_all_but(self, conn: Connection, user_id: int, kept: str | None, reason: str) -> dict[str, int]:
        ended = store.end_others(conn, user_id, kept, reason, tokens_end_ms=self._tokens_end_ms())
        for sid in ended:
            push_targets.forget_session(conn, sid)
        return ended

    def has_ended(self, conn: Connection, sid: str) -> bool:
        """Returns whether the session was revoked. A session of an external issuer has no row until it ends."""
        found = store.find_session(conn, sid)
        return found is not None and found.revoked_ms is not None

    def announce(self, ended: Mapping[str, int]) -> SignInsEnding | None:
        """Stops the tokens of ended sessions in every process and closes their connections. Safe to repeat.

        Without Redis, only this process stops them. The others read Postgres when Redis answers again.
        """
        try:
            for sid, end in ended.items():
                self._revoked.announce(sid, end)
            for sid in ended:
                announce_log_out(self._redis, sid)
        except (RedisError, Overloaded) as error:
            log.warning("ended sign-ins are announced later: %s", type(error).__name__)
            pending = ["accessTokens", "connections"]
            return SignInsEnding(ended=["refreshTokens"], pending=pending, pending_until=max(ended.values()))
        return None

    def _tokens_end_ms(self) -> int:
        """Returns when every access token that was issued until now has expired."""
        return (int(time.time()) + self._access_seconds + CLOCK_MARGIN_SECONDS) * 1000

    def _refresh_ends_ms(self) -> int:
        return int((time.time() + self._refresh_seconds) * 1000)
