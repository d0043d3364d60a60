"""Finds the user of a token of the external user service, and keeps the profile up to date with the newest token.

A token is the newest if it was issued after the stored one. Such a token is written once, no matter how many requests
and processes use it. Older tokens that are still in use change nothing.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from redis import Redis
from sqlalchemy import Connection, Engine

from app.core.errors import RateLimited, Unauthorized
from app.core.external_claims import ExternalClaims
from app.services.accounts.announce_profile import announce_profile_soon
from app.services.accounts.avatars import known_address
from app.services.accounts.known_email import set_known_email
from app.services.audit.record import record
from app.store import external_users, users
from app.store.engine import reading, writing
from app.store.external_users import AccountDeletedError, ExternalUser
from app.store.host_events import add_user_events
from app.task_queue import enqueue_avatar


class ClaimsFollower:
    """``presence_visible`` is the setting of new users."""

    def __init__(self, *, engine: Engine, redis: Redis, presence_visible: str) -> None:
        self._engine = engine
        self._redis = redis
        self._presence_visible = presence_visible

    def user_of(self, claims: ExternalClaims) -> int:
        """Returns the id of the user, after creating the user on first sight. Runs once per token and process, since
        verified tokens are cached. Raises Unauthorized if the user deleted the account here, Overloaded.
        """
        try:
            with reading(self._engine) as conn:
                found = external_users.find_external(conn, claims.issuer, claims.subject)
            if found is not None and found.linked and not _is_newer(claims, found):
                return found.user.id
            return self._write(claims, found)
        except AccountDeletedError:
            raise Unauthorized("The account was deleted.") from None

    def _write(self, claims: ExternalClaims, found: ExternalUser | None) -> int:
        news = _News()
        with writing(self._engine) as conn:
            user_id = found.user.id if found is not None else self._create(conn, claims, news)
            # Another process may have stored the claims of this token or of a newer one in between.
            locked = external_users.lock_external(conn, user_id)
            if locked is None:
                raise AccountDeletedError
            if not locked.linked:
                external_users.link_identity(conn, user_id, claims.issuer, claims.subject)
            if news.is_new_user or _is_newer(claims, locked):
                _follow(conn, claims, locked, news)
            if news.is_new_user or news.is_shown:
                add_user_events(conn, "user.created" if news.is_new_user else "user.updated", [user_id])
        if news.avatar_id is not None:
            enqueue_avatar(news.avatar_id)
        if news.is_shown and not news.is_new_user:
            announce_profile_soon(self._redis, user_id)
        return user_id

    def _create(self, conn: Connection, claims: ExternalClaims, news: _News) -> int:
        user, news.is_new_user = external_users.get_or_create_external(
            conn,
            claims.issuer,
            claims.subject,
            username=claims.username,
            display_name=claims.first_name(),
            last_seen_visible=self._presence_visible,
        )
        if news.is_new_user:
            record(conn, "account.created", actor_id=user.id, target_id=user.id, sessionId=claims.sid)
        return user.id


class _News:
    """Collects the work for after the commit."""

    is_new_user = False
    is_shown = False
    avatar_id: str | None = None


def _is_newer(claims: ExternalClaims, stored: ExternalUser) -> bool:
    return claims.issued_ms is not None and claims.issued_ms > (stored.claims_ms or 0)


def _follow(conn: Connection, claims: ExternalClaims, stored: ExternalUser, news: _News) -> None:
    """Writes the claims that differ from the stored profile."""
    was = stored.user
    changes = users.differing(
        was,
        display_name=claims.display_name or UNSET,
        locale=claims.locale,
        avatar_url=_avatar(conn, claims, was.id, news),
    )
    if changes:
        users.update_profile(conn, was.id, **changes)
        news.is_shown = not users.SHOWN.isdisjoint(changes)
    if claims.email is not UNSET and claims.email != stored.email:
        set_known_email(conn, was.id, claims.email, sessionId=claims.sid)
    if claims.issued_ms is not None:
        external_users.note_claims(conn, was.id, claims.issued_ms)


def _avatar(conn: Connection, claims: ExternalClaims, user_id: int, news: _News) -> Any:
    """Returns the address that viewers get; UNSET if the user has too many pictures for another one."""
    if not isinstance(claims.avatar_url, str):
        return claims.avatar_url
    try:
        address, news.avatar_id = known_address(conn, user_id, claims.avatar_url)
    except RateLimited:
        return UNSET
    return address
