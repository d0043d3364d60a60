"""Invites to groups: codes that are good for some time, and for so many."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, text

from app.store.sql import first, ms_of, structs


class StoredInvite(Struct, frozen=True):
    code: str
    conversation_id: int
    created_by: int
    created_ms: int
    expires_ms: int | None
    max_uses: int | None
    uses: int


_COLUMNS = f"""code, conversation_id, created_by, {ms_of("created_at")}, {ms_of("expires_at")}, max_uses, uses"""
_GOOD = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AND (max_uses IS NULL OR uses < max_uses)"
_ADD = text(f"""
    INSERT INTO invites (code, conversation_id, created_by, expires_at, max_uses)
    VALUES (:code, :conversation_id, :created_by, :expires_at, :max_uses) RETURNING {_COLUMNS}
""")
_LIST = text(
    f"SELECT {_COLUMNS} FROM invites WHERE conversation_id = :conversation_id AND {_GOOD} ORDER BY created_at, code"
)
_FIND = text(f"SELECT {_COLUMNS} FROM invites WHERE code = :code AND {_GOOD}")
_USE = text(f"UPDATE invites SET uses = uses + 1 WHERE code = :code AND {_GOOD} RETURNING {_COLUMNS}")
_GIVE_BACK = text("UPDATE invites SET uses = uses - 1 WHERE code = :code AND uses > 0")
_REVOKE = text("""
    UPDATE invites SET revoked_at = now()
    WHERE code = :code AND conversation_id = :conversation_id AND revoked_at IS NULL RETURNING code
""")

_REVOKE_ALL = text(
    "UPDATE invites SET revoked_at = now() WHERE conversation_id = :conversation_id AND revoked_at IS NULL"
)


def add_invite(
    conn: Connection,
    code: str,
    conversation_id: int,
    created_by: int,
    expires_at: datetime | None,
    max_uses: int | None,
) -> StoredInvite:
    values = {"code": code, "conversation_id": conversation_id, "created_by": created_by}
    row = conn.execute(_ADD, {**values, "expires_at": expires_at, "max_uses": max_uses}).one()
    return StoredInvite(*row)


def list_invites(conn: Connection, conversation_id: int) -> list[StoredInvite]:
    """Those that are still good, oldest first."""
    return structs(StoredInvite, conn.execute(_LIST, {"conversation_id": conversation_id}))


def find_invite(conn: Connection, code: str) -> StoredInvite | None:
    """None where there is none, or it is not good any more."""
    return first(StoredInvite, conn.execute(_FIND, {"code": code}).first())


def use_invite(conn: Connection, code: str) -> StoredInvite | None:
    """Count one use. Of many at once no more succeed than it is good for; None for the others."""
    return first(StoredInvite, conn.execute(_USE, {"code": code}).first())


def give_back(conn: Connection, code: str) -> None:
    """A use that came to nothing."""
    conn.execute(_GIVE_BACK, {"code": code})


def revoke_invite(conn: Connection, code: str, conversation_id: int) -> bool:
    """Whether there was one to revoke."""
    values = {"code": code, "conversation_id": conversation_id}
    return conn.execute(_REVOKE, values).first() is not None


def revoke_all(conn: Connection, conversation_id: int) -> None:
    conn.execute(_REVOKE_ALL, {"conversation_id": conversation_id})
