"""Server keys: their hashes, scopes, and when they were used and revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import Connection, Update, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store.models import ServerKey
from app.store.sql import as_ms, first, structs

# The precision of ``last_used_at``. A key that is always in use costs one write in this time.
USE_NOTED_SECONDS = 60


class StoredKey(Struct, frozen=True):
    id: int
    name: str
    scopes: list[str]
    created_ms: int
    last_used_ms: int | None
    revoked_ms: int | None


_COLUMNS = (
    ServerKey.id,
    ServerKey.name,
    ServerKey.scopes,
    as_ms(ServerKey.created_at),
    as_ms(ServerKey.last_used_at),
    as_ms(ServerKey.revoked_at),
)
_VALID = ServerKey.revoked_at.is_(None)


def insert_key(conn: Connection, name: str, digest: bytes, scopes: Sequence[str]) -> bool:
    """Stores a new key. Returns False if the name is taken."""
    new = insert(ServerKey).values(name=name, hash=digest, scopes=list(scopes))
    made = new.on_conflict_do_nothing(index_elements=[ServerKey.name]).returning(ServerKey.id)
    return conn.execute(made).first() is not None


def find_key(conn: Connection, digest: bytes) -> StoredKey | None:
    """Returns the key with this hash; None also if it was revoked."""
    return first(StoredKey, conn.execute(select(*_COLUMNS).where(ServerKey.hash == digest, _VALID)).first())


def list_keys(conn: Connection) -> list[StoredKey]:
    """Returns all keys by name, also revoked ones."""
    return structs(StoredKey, conn.execute(select(*_COLUMNS).order_by(ServerKey.name)))


def note_use(conn: Connection, key_id: int) -> None:
    """Stores that the key is in use, unless that was stored a moment ago."""
    long_ago = func.now() - timedelta(seconds=USE_NOTED_SECONDS)
    is_due = or_(ServerKey.last_used_at.is_(None), ServerKey.last_used_at < long_ago)
    conn.execute(update(ServerKey).where(ServerKey.id == key_id, is_due).values(last_used_at=func.now()))


def revoke_key(conn: Connection, name: str) -> bool:
    """Revokes the key for good. Returns False if no valid key has this name."""
    return conn.execute(_named(name).values(revoked_at=func.now())).rowcount > 0


def replace_hash(conn: Connection, name: str, digest: bytes) -> bool:
    """Gives the name another key. Returns False if no valid key has this name."""
    return conn.execute(_named(name).values(hash=digest, last_used_at=None)).rowcount > 0


def _named(name: str) -> Update:
    return update(ServerKey).where(ServerKey.name == name, _VALID)
