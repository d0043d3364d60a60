"""The audit: acts that matter for security, and the answers of the operation that lists them."""

from __future__ import annotations

from typing import Any, Literal, get_args

from msgspec import UNSET, Struct, UnsetType

from app.core.answer_base import Answer, Time
from app.core.commands import Id

Action = Literal[
    "account.created",
    "account.deleted",
    "admin.granted",
    "admin.revoked",
    "conversation.deleted",
    "dead_letter.dropped",
    "dead_letter.retried",
    "email.changed",
    "email.verified",
    "export.begun",
    "export.read",
    "import.begun",
    "password.changed",
    "password.failed",
    "password.reset",
    "password.reset_requested",
    "report.handled",
    "server_key.created",
    "server_key.revoked",
    "server_key.rotated",
    "session.ended",
    "sign_in",
    "sign_in.failed",
    "token.reused",
    "totp.codes_renewed",
    "totp.disabled",
    "totp.enabled",
    "totp.failed",
    "totp.recovery_used",
    "user.suspended",
    "user.unsuspended",
    "webhook.added",
    "webhook.changed",
    "webhook.deleted",
    "webhook.replayed",
]
ACTIONS: tuple[str, ...] = get_args(Action)

# These can be repeated without end, so they are counted per user, network and hour instead of one row each.
COUNTED = frozenset({"export.read", "sign_in.failed", "password.failed", "password.reset_requested", "totp.failed"})


class AuditFilter(Struct, frozen=True):
    """None means no condition. ``user_id`` finds acts by this user and acts on this user."""

    user_id: int | None = None
    action: str | None = None
    since_ms: int | None = None


class AuditEntry(Answer, frozen=True, kw_only=True):
    """``actorId`` did it to ``targetId``, from ``address``. Without an actor, it was the server's operator or somebody
    who was not signed in. If ``count`` is set, the entry stands for that many similar acts, the last of them at
    ``lastAt``.
    """

    id: Id
    at: Time
    action: Action
    actor_id: Id | UnsetType = UNSET
    target_id: Id | UnsetType = UNSET
    address: str | UnsetType = UNSET
    details: dict[str, Any] | UnsetType = UNSET
    count: int = 1
    last_at: Time | UnsetType = UNSET


class AuditPage(Answer, frozen=True, kw_only=True):
    """Newest first. ``cursor`` is set if there are more."""

    entries: list[AuditEntry]
    cursor: str | UnsetType = UNSET
