"""Blocks between users. Their effect on direct conversations is in direct_pairs.py."""

from __future__ import annotations

from sqlalchemy import Connection, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.store.models import Block, User
from app.store.sql import structs
from app.store.users import EXISTS, USER_COLUMNS, StoredUser

# More than anybody blocks by hand. The newest are shown.
BLOCKS_SHOWN = 1000


def block(conn: Connection, user_id: int, blocked_id: int) -> bool:
    """Stores the block. Safe to repeat. Returns False if there is no user ``blocked_id``."""
    if conn.execute(select(User.id).where(User.id == blocked_id, EXISTS)).first() is None:
        return False
    conn.execute(insert(Block).values(user_id=user_id, blocked_id=blocked_id).on_conflict_do_nothing())
    return True


def unblock(conn: Connection, user_id: int, blocked_id: int) -> None:
    """Removes the block. Safe to repeat."""
    conn.execute(delete(Block).where(Block.user_id == user_id, Block.blocked_id == blocked_id))


def unblock_all(conn: Connection, user_id: int) -> None:
    """Removes all blocks by and of this user."""
    conn.execute(delete(Block).where(or_(Block.user_id == user_id, Block.blocked_id == user_id)))


def blocked_by(conn: Connection, user_id: int) -> list[StoredUser]:
    """Returns the users whom this user has blocked, the newest block first, at most ``BLOCKS_SHOWN``."""
    blocked = select(*USER_COLUMNS).join(Block, Block.blocked_id == User.id).where(Block.user_id == user_id)
    newest_first = blocked.order_by(Block.created_at.desc(), User.id).limit(BLOCKS_SHOWN)
    return structs(StoredUser, conn.execute(newest_first))
