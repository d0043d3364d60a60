"""Invites to groups: codes that are valid for a limited time and a limited number of uses."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, insert, or_, select, update

from app.store.models import Invite
from app.store.sql import as_ms, first, structs


class StoredInvite(Struct, frozen=True):
    code: str
    conversation_id: int
    created_by: int
    created_ms: int
    expires_ms: int | None
    max_uses: int | None
    uses: int


# In the order of StoredInvite's fields.
_COLUMNS = (
    Invite.code,
    Invite.conversation_id,
    Invite.created_by,
    as_ms(Invite.created_at),
    as_ms(Invite.expires_at),
    Invite.max_uses,
    Invite.uses,
)
_VALID = (
    Invite.revoked_at.is_(None),
    or_(Invite.expires_at.is_(None), Invite.expires_at > func.now()),
    or_(Invite.max_uses.is_(None), Invite.uses < Invite.max_uses),
)


def add_invite(
    conn: Connection,
    code: str,
    conversation_id: int,
    created_by: int,
    expires_at: datetime | None,
    max_uses: int | None,
) -> StoredInvite:
    """Stores a new invite. None for ``expires_at`` or ``max_uses`` means no limit."""
    new = insert(Invite).values(
        code=code, conversation_id=conversation_id, created_by=created_by, expires_at=expires_at, max_uses=max_uses
    )
    return StoredInvite(*conn.execute(new.returning(*_COLUMNS)).one())


def list_invites(conn: Connection, conversation_id: int) -> list[StoredInvite]:
    """Returns the valid invites of the conversation, oldest first."""
    valid = select(*_COLUMNS).where(Invite.conversation_id == conversation_id, *_VALID)
    return structs(StoredInvite, conn.execute(valid.order_by(Invite.created_at, Invite.code)))


def find_invite(conn: Connection, code: str) -> StoredInvite | None:
    """Returns the invite, or None if there is none or it is no longer valid."""
    return first(StoredInvite, conn.execute(select(*_COLUMNS).where(Invite.code == code, *_VALID)).first())


def use_invite(conn: Connection, code: str) -> StoredInvite | None:
    """Counts one use. Returns None if the invite is not valid, or was used up by others at the same moment."""
    used = update(Invite).where(Invite.code == code, *_VALID).values(uses=Invite.uses + 1)
    return first(StoredInvite, conn.execute(used.returning(*_COLUMNS)).first())


def give_back(conn: Connection, code: str) -> None:
    """Uncounts one use, for a user who did not become a member after all."""
    conn.execute(update(Invite).where(Invite.code == code, Invite.uses > 0).values(uses=Invite.uses - 1))


def revoke_invite(conn: Connection, code: str, conversation_id: int) -> bool:
    """Revokes an invite of this conversation. Returns False if there was none to revoke."""
    named = update(Invite).where(
        Invite.code == code, Invite.conversation_id == conversation_id, Invite.revoked_at.is_(None)
    )
    return conn.execute(named.values(revoked_at=func.now())).rowcount > 0


def revoke_all(conn: Connection, conversation_id: int) -> None:
    """Revokes all invites of the conversation."""
    all_of_it = update(Invite).where(Invite.conversation_id == conversation_id, Invite.revoked_at.is_(None))
    conn.execute(all_of_it.values(revoked_at=func.now()))
