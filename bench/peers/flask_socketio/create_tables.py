"""Creates the peer's tables and ``N`` users (ids 1 to N): ``python create_tables.py N``."""

from __future__ import annotations

import sys

from server import Base, Session, User, engine

Base.metadata.create_all(engine)
with Session() as session:
    session.add_all(User(username=f"user{number}") for number in range(1, int(sys.argv[1]) + 1))
    session.commit()
