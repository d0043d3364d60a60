"""Names of constraints, so that migrations can refer to them, and types of columns, for all tables."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, Identity, MetaData, Text, func
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

IdentityKey = Annotated[int, mapped_column(BigInteger, Identity(always=False), primary_key=True)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
# For tables whose rows change often. If a page has free space and no index contains the changed columns, Postgres
# rewrites the row in its page (HOT) and changes no index.
ROOM_FOR_UPDATES = {"fillfactor": 70}

# For insert-only tables. Without an early vacuum, the visibility map stays empty and index-only scans visit the table.
VACUUM_AFTER_INSERTS = {"autovacuum_vacuum_insert_scale_factor": 0.05, "autovacuum_analyze_scale_factor": 0.02}

Milliseconds = TIMESTAMP(timezone=True, precision=3)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy requires this name and kind
        int: BigInteger,
        str: Text,
        datetime: DateTime(timezone=True),
    }
