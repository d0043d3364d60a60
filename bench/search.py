"""``python -m bench.search`` measures how long a search among 2,000,000 messages takes, and the cost of the index.

Half of the messages are in one group, whose messages all contain one word; the others are in many groups. The rows are
copied into an embedded Postgres of its own, the indexer of the product indexes them, and the service of the product
answers searches. There is no web process and no network in between.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text

from app.config import Settings
from app.core.search import SearchFilter
from app.services.indexing.index_messages import Indexer
from app.services.reading.direct_cache import DirectCache
from app.services.reading.search_messages import search_messages
from app.store import engine as engines
from app.store import search_index
from bench.ledger import percentile
from dev.embedded import EmbeddedStores

ROOT = Path(__file__).resolve().parent.parent
VOCABULARY, WORDS = 50_000, 12  # words in all, and per message; the n-th word is as frequent as 1/n
GROUPS = 1000
BASE_US = 1_790_000_000_000_000
EVERYWHERE, RARE = "everywhere", "needle"
RARE_EVERY = 100_000
CHINESE = "我家在上海东边明天下午三点见面好吗今天天气很不错我们一起去公园散步吧你觉得怎么样"
CHINESE_EVERY = 20
SEARCHES = 40


def word(n: int) -> str:
    """Returns the n-th most frequent word. Frequent words are short."""
    letters = "etaoinsrhl"
    return "w" + "".join(letters[int(digit)] for digit in str(n))


# name -> (whose, query, filter). The reader is in all groups, the guest in three small ones, the host in the large one.
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "in every message of the large group": ("host", EVERYWHERE, {}),
    "the same, somebody in all groups": ("reader", EVERYWHERE, {}),
    "the same, somebody who is not in the large group": ("guest", EVERYWHERE, {}),
    "in 20 of all messages": ("reader", RARE, {}),
    "in no message": ("reader", "nothingofthekind", {}),
    "frequent word": ("reader", word(1), {}),
    "word of middle frequency": ("reader", word(700), {}),
    "beginning of very many words": ("reader", word(1)[:2], {}),
    "beginning of very many words, one sender": ("reader", word(1), {"sender_id": 1}),
    "two frequent words": ("reader", f"{word(2)} {word(3)}", {}),
    "phrase of frequent words": ("reader", f'"{word(2)} {word(3)} {word(4)}"', {}),
    "two words that are never together": ("reader", f"{EVERYWHERE} nowhere", {}),
    "word within Chinese text": ("reader", "上海", {}),
    "frequent word, in one small group": ("reader", word(1), {"conversation_id": "small"}),
    "rare word, in one small group": ("reader", word(40_000), {"conversation_id": "small"}),
    "excluding a frequent word": ("reader", f"{word(700)} -{EVERYWHERE}", {}),
    "this or that": ("reader", f"{RARE} or {word(45_000)}", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000_000)
    parser.add_argument("--keep", type=Path, help="a directory to keep the data in, for another run")
    args = parser.parse_args()
    directory = args.keep or Path(tempfile.mkdtemp(prefix="parley-bench-search-"))
    try:
        options = {"shared_buffers": "512MB", "max_wal_size": "4GB", "synchronous_commit": "off"}
        with EmbeddedStores(directory, valkey=False, postgres_options=options) as stores:
            url = stores.postgres.url(scheme="postgresql+psycopg")
            print(json.dumps(measure(url, args.messages), indent=1, ensure_ascii=False))
    finally:
        if args.keep is None:
            shutil.rmtree(directory, ignore_errors=True)


def measure(url: str, messages: int) -> dict[str, Any]:
    engine = _engine(url)
    with engines.reading(engine) as conn:
        is_new = conn.execute(text("SELECT to_regclass('messages')")).scalar() is None
    figures: dict[str, Any] = {"messages": messages}
    if is_new:
        config = Config(ROOT / "alembic.ini")
        config.attributes.update(database_url=url, configure_logging=False)
        command.upgrade(config, "head")
        figures["copy_seconds"] = _timed(lambda: copy_messages(url, messages))
        figures["index_seconds"] = _timed(lambda: _index(engine))
        figures["index_us_per_message"] = round(figures["index_seconds"] / messages * 1e6)
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as conn:
        conn.execute(text("VACUUM ANALYZE"))
        for name in ("messages", "message_terms", "ix_message_terms_terms"):
            size = conn.execute(text("SELECT pg_table_size(CAST(:name AS regclass))"), {"name": name}).scalar_one()
            figures[f"{name}_mib"] = size // 2**20
    figures["cases"] = {name: _measure_case(engine, *case) for name, case in CASES.items()}
    figures["worst_p99_ms"] = max(case["p99_ms"] for case in figures["cases"].values())
    return figures


def _engine(url: str) -> Engine:
    settings = Settings(app_env="development", database_url=url, redis_url="", broker_url="", secret_key="")
    return engines.create_engine(settings, timeout_seconds=60)


def _timed(act: Any) -> float:
    began = time.perf_counter()
    act()
    return round(time.perf_counter() - began, 1)


def _index(engine: Engine) -> None:
    with engines.reading(engine) as conn:
        upto = search_index.read_progress(conn).indexed_version
    indexer = Indexer(engine=engine, stored_version=lambda: upto)
    while not indexer.run(10):
        pass


def copy_messages(url: str, count: int) -> None:
    """Writes users, groups and messages. Message n is in the large group if n is even."""
    with psycopg.connect(url.replace("+psycopg", "")) as conn:
        conn.execute("""
            INSERT INTO users (id, username, display_name) OVERRIDING SYSTEM VALUE
            SELECT n, 'bench-' || n, 'Bench ' || n FROM generate_series(1, 5) AS n
        """)
        conn.execute(
            """
            INSERT INTO conversations (id, kind, name, last_seq, version, member_count) OVERRIDING SYSTEM VALUE
            SELECT n, 'group', 'G' || n, %s, %s, 3 FROM generate_series(1, %s) AS n
            """,
            (count, BASE_US + count, GROUPS + 1),
        )
        # 1: the reader, 2: the guest, 3: the host, 4: all others
        conn.execute(
            """
            INSERT INTO members (conversation_id, user_id)
            SELECT n, u FROM generate_series(1, %s) AS n CROSS JOIN generate_series(1, 4) AS u
            WHERE u IN (1, 4) OR (u = 2 AND n BETWEEN 2 AND 4) OR (u = 3 AND n = 1)
            """,
            (GROUPS + 1,),
        )
        conn.execute("UPDATE search_state SET indexed_version = %s", (BASE_US + count * 1000,))
        columns = "conversation_id, seq, id, sender_id, kind, body, version, created_version, sent_at"
        with conn.cursor() as cursor, cursor.copy(f"COPY messages ({columns}) FROM STDIN") as copy:
            for row in _rows(count):
                copy.write_row(row)


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(1)
    words = [word(n) for n in range(1, VOCABULARY + 1)]
    weights = [1 / n for n in range(1, VOCABULARY + 1)]
    pool = dice.choices(words, weights, k=1_000_000)
    seqs = [0] * (GROUPS + 2)
    for n in range(count):
        conversation = 1 if n % 2 == 0 else 2 + dice.randrange(GROUPS)
        seqs[conversation] += 1
        place = dice.randrange(len(pool) - WORDS)
        body = " ".join(pool[place : place + WORDS])
        if conversation == 1:
            body += f" {EVERYWHERE}"
        elif n % CHINESE_EVERY == 1:
            start = dice.randrange(len(CHINESE) - 10)
            body += " " + CHINESE[start : start + 10]
        if n % RARE_EVERY == 1:
            body += f" {RARE}"
        if n == 0:
            body += " nowhere"
        version = BASE_US + n * 1000
        at = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(version // 1_000_000))}.{n % 1000:03d}+00"
        id_ = f"{n:08x}-0000-7000-8000-{dice.getrandbits(48):012x}"
        yield conversation, seqs[conversation], id_, 1 + n % 4, "text", body, version, version, at


USERS = {"reader": 1, "guest": 2, "host": 3}


def _measure_case(engine: Engine, user: str, words: str, filters: dict[str, Any]) -> dict[str, Any]:
    """Searches for a first page many times. ``found``: messages on it; ``calls`` to read all pages, at most 50."""
    small = {"small": 3}
    which = SearchFilter(**{name: small.get(value, value) for name, value in filters.items()})
    directs = DirectCache()
    seconds = []
    for _ in range(SEARCHES):
        began = time.perf_counter()
        page = search_messages(USERS[user], words, which, None, 20, engine=engine, directs=directs)
        seconds.append(time.perf_counter() - began)
    first, calls = page, 1
    while page["hasMore"] and not page["messages"] and calls < 50:
        page = search_messages(USERS[user], words, which, page["cursor"], 20, engine=engine, directs=directs)
        calls += 1
    seconds.sort()
    return {
        "p50_ms": round(percentile(seconds, 0.5) * 1e3, 1),
        "p99_ms": round(percentile(seconds, 0.99) * 1e3, 1),
        "found": len(first["messages"]),
        "more": first["hasMore"],
        "calls_to_first_hit_or_end": calls,
    }


if __name__ == "__main__":
    main()
