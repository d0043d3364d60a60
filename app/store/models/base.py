"""What all tables share: names of constraints that a migration can refer to, and the types of columns."""

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
# For tables whose rows change all the time. With room left in the page, and no index on the columns that
# change, Postgres rewrites a row in its page (HOT) and touches no index.
ROOM_FOR_UPDATES = {"fillfactor": 70}

# Insert-only: without an early vacuum no page is known to be visible, and index-only scans visit the table.
VACUUM_AFTER_INSERTS = {"autovacuum_vacuum_insert_scale_factor": 0.05, "autovacuum_analyze_scale_factor": 0.02}

Milliseconds = TIMESTAMP(timezone=True, precision=3)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - the name and kind that SQLAlchemy asks for
        int: BigInteger,
        str: Text,
        datetime: DateTime(timezone=True),
    }
