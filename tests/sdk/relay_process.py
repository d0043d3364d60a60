"""A relay in a process of its own: ``python -m tests.sdk.relay_process DATABASE_URL PARLEY_URL``."""

from __future__ import annotations

import sys
import threading

from parley_sdk import ParleyServer, Retry
from parley_sdk.outbox import Relay
from sqlalchemy import create_engine

from tests.sdk.host_database import outbox


def main(database_url: str, parley_url: str, key: str) -> None:
    with ParleyServer(parley_url, key, trust_env=False) as server:
        relay = Relay(outbox.table, create_engine(database_url), server, pauses=Retry(first_pause=0.01))
        relay.run_forever(threading.Event(), every=0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
