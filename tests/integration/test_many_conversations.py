"""A user of 5,000 conversations. The pages that the list, a join and a resume read depend on the number of changes, not
on the number of conversations.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text

from app.config import Settings
from app.core.events import Event
from app.message_log import keys
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import begin_epoch
from app.message_log.shards import Shard, Shards
from app.services.reading import resume
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.conversations import ConversationReader
from app.services.reading.count_unread import count_unread
from app.services.reading.direct_cache import DirectCache
from app.services.reading.replay_plan import ReplayPlan
from app.services.reading.resume import Replay
from app.services.reading.waiting_requests import WaitingRequests
from app.store.batch_statement import NewMessage, Receipt
from app.store.batch_writes import store_batch
from app.store.engine import create_engine, reading, writing
from app.store.epochs import greatest_version, next_epoch
from app.store.noted_changes import changed_conversations
from app.store.replica import StoreReads
from app.store.sql import driver
from tests.support.plans import pages, plans_of, without_indexes

# An act may read this many pages of Postgres if nothing has happened.
MOST_PAGES = 500
PAGES_PER_EVENT, PAGES_PER_CONVERSATION = 3, 20
ME, UNREAD = 1, 20
HOUR_US = 3_600_000_000

# User 1 has 4,500 direct conversations and 500 groups of ten, with 50 messages each, one per conversation and half a
# day. There are 10,000 other conversations. The rows of one conversation are not beside each other in any table.
FILL = f"""
    INSERT INTO users (username, display_name) SELECT 'user' || n, 'Somebody ' || n FROM generate_series(1, 15000) n;
    INSERT INTO conversations (kind, name, direct_low, direct_high, member_count)
        SELECT CASE WHEN n > 4500 AND n <= 5000 THEN 'group' ELSE 'direct' END, 'G',
               CASE WHEN n <= 4500 THEN 1 WHEN n > 5000 THEN n - 4998 END,
               CASE WHEN n <= 4500 THEN n + 1 WHEN n > 5000 THEN n - 4990 END,
               CASE WHEN n > 4500 AND n <= 5000 THEN 10 ELSE 2 END
        FROM generate_series(1, 15000) n ORDER BY n * 7919 % 15013;
    INSERT INTO members (conversation_id, user_id) SELECT c, u FROM (
        SELECT id AS c, direct_low AS u FROM conversations WHERE kind = 'direct'
        UNION SELECT id, direct_high FROM conversations WHERE kind = 'direct'
        UNION SELECT id, CASE g WHEN 1 THEN 1 ELSE 5000 + (id * 9 + g) % 9000 END
        FROM conversations, generate_series(1, 10) g WHERE kind = 'group') AS x ORDER BY c * 7919 % 15013, u;
    CREATE TEMPORARY TABLE sent AS
        SELECT c, s, most, CASE s % 2 WHEN 0 THEN low ELSE high END AS sender,
               CAST(:now AS bigint) - {HOUR_US} - (most - s) * 12 * {HOUR_US} - c * 7919 % 43200 * 1000000 AS version
        FROM (SELECT conversation_id AS c, min(user_id) AS low, max(user_id) AS high,
                     CASE WHEN bool_or(user_id = 1) THEN 50 ELSE 5 END AS most
              FROM members GROUP BY conversation_id) AS x, generate_series(1, most) s;
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, created_version, sent_at)
        SELECT c, s, gen_random_uuid(), sender, 'text', 'Nothing of importance, again', version, version,
               to_timestamp(version / 1000000.0) FROM sent ORDER BY version;
    UPDATE conversations SET last_seq = most, version = sent.version,
           last_activity_at = to_timestamp(sent.version / 1000000.0) FROM sent WHERE id = c AND s = most;
    UPDATE members SET last_read_seq = most, last_delivered_seq = most, version = sent.version
        FROM sent WHERE conversation_id = c AND s = most;
    UPDATE members SET last_read_seq = 47 WHERE user_id = 1 AND conversation_id IN (
        SELECT conversation_id FROM members WHERE user_id = 1 ORDER BY conversation_id * 7919 % 15013 LIMIT {UNREAD});
"""
TABLES = "users, conversations, members, messages, noted_changes, read_conversations"


class Reader:
    """The services as user 1 meets them. ``last`` is the greatest version."""

    def __init__(self, engine: Engine, client: redis.Redis) -> None:
        self.engine = engine
        self._redis = client
        self._epoch = CurrentEpoch(60)
        self._epoch.adopt(begin_epoch(Shard(client), lambda: next_epoch(engine)))
        directs, stores = DirectCache(), {"engine": engine, "shards": Shards([client])}
        cache: Any = {"run_blocking": lambda act: act(), "present_epoch": lambda _: self._epoch.number}
        requests = WaitingRequests(
            **stores, redis=client, conversations=ConversationCache(**stores, directs=directs, **cache)
        )
        wanted: Any = {"epoch": self._epoch, "requests": requests, "saw_epoch": lambda _: None}
        self._replay = Replay(**stores, shard=Shard(client), directs=directs, **wanted)
        self.conversations = ConversationReader(
            **stores, store_reads=StoreReads(engine), directs=directs, wait_until_stored=lambda _c, _v: True
        )
        with reading(engine) as conn:
            self.last = greatest_version(conn)

    def list_page(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.conversations.list_page(ME, None, 20)["conversations"]
        return found

    def join(self) -> dict[int, int]:
        return count_unread([ME], engine=self.engine, shards=Shards([self._redis]))[0]

    def resume(self, version: int) -> list[str]:
        news = self._replay.news_since(ME, version)
        events, more = self._replay.changes_since(ME, version, version)
        assert not more
        return [event.name for event in (*news, *events)]

    def replay(self, version: int) -> list[Event]:
        """Returns the events of all pages of a replay, as a session reads them."""
        events: list[Event] = []
        at, more, plan = version, True, ReplayPlan()
        while more:
            page, more = self._replay.changes_since(ME, at, version, plan)
            events += page
            at = page[-1].version if page else at
        return events

    def first_page(self, version: int, plan: ReplayPlan) -> None:
        assert self._replay.changes_since(ME, version, version, plan)[1]

    def changed(self, version: int) -> int:
        with reading(self.engine) as conn:
            return len(changed_conversations(conn, ME, version))

    def pages(self, act: Callable[[], object]) -> int:
        with reading(self.engine) as conn:
            return pages(plans_of(conn, lambda _: (act(), True)))

    def happen(self, count: int) -> None:
        """Stores a message and its delivered mark in each of so many old conversations."""
        query = text(
            "SELECT id, direct_high, last_seq FROM conversations WHERE direct_low = 1 ORDER BY version LIMIT :n"
        )
        with reading(self.engine) as conn:
            rows = list(conn.execute(query, {"n": count}))
        at = time.time_ns() // 1000
        ids = ("%032x" % (at * 1000 + n) for n in range(count))
        messages = [
            NewMessage(c, seq + 1, id_, other, "text", "Hello", None, None, at + n, at // 1000)
            for n, ((c, other, seq), id_) in enumerate(zip(rows, ids, strict=True))
        ]
        marks = [Receipt(m.conversation_id, ME, m.seq, 0, m.version + count) for m in messages]
        store_batch(self.engine, self._epoch.number, messages, marks)
        self._redis.set(keys.FIRST.version, at + 2 * count)


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings, timeout_seconds=300)
    with writing(made) as conn, without_indexes(conn):
        driver(conn).execute(FILL.replace(":now", str(time.time_ns() // 1000)))
    with reading(made) as conn:
        conn.execute(text(f"VACUUM ANALYZE {TABLES}"))
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def me(engine: Engine, redis_url: str) -> Iterator[Reader]:
    with redis.Redis.from_url(redis_url) as client:
        yield Reader(engine, client)


def test_first_page_of_the_list(me: Reader) -> None:
    times = [row["updatedAt"] for row in me.list_page()]
    assert (len(times), times) == (20, sorted(times, reverse=True))
    assert me.pages(me.list_page) <= MOST_PAGES


def test_join(me: Reader) -> None:
    """The first join counts all conversations once."""
    first = me.join()
    assert list(first.values()) == [1] * UNREAD  # the others of the last three messages are the user's own
    assert me.join() == first
    assert me.pages(me.join) <= MOST_PAGES


@pytest.mark.parametrize("away_us", [0, HOUR_US // 2], ids=["since the last change", "after half an hour"])
def test_resume_of_nothing(me: Reader, away_us: int) -> None:
    assert me.resume(me.last + away_us) == []
    assert me.pages(lambda: me.resume(me.last + away_us)) <= MOST_PAGES


@pytest.mark.parametrize("hours", [1, 10])
def test_long_resume_reads_pages_for_each_event_and_each_changed_conversation(me: Reader, hours: int) -> None:
    """Before, each page of the replay looked at all changed conversations again."""
    since = me.last - hours * HOUR_US
    events, changed = me.replay(since), me.changed(since)
    assert len(events) > 6 * changed > 2_000 * hours
    assert me.pages(lambda: me.replay(since)) <= PAGES_PER_EVENT * len(events) + PAGES_PER_CONVERSATION * changed


def test_long_resume_costs_the_same_in_pages_of_any_size(me: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    since = me.last - 4 * HOUR_US
    found, costs = [], []
    for page in (500, 100):
        monkeypatch.setattr(resume, "PAGE", page)
        found.append([(event.name, event.version, event.data) for event in me.replay(since)])
        costs.append(me.pages(lambda: me.replay(since)))
    assert found[0] == found[1]
    assert costs[1] <= 1.1 * costs[0], costs


def test_plan_of_a_long_resume_takes_little_memory(me: Reader) -> None:
    """A session that waits for its reader takes at most this much memory, no matter how much it missed."""
    plan = ReplayPlan()
    me.first_page(me.last - 100 * HOUR_US, plan)
    assert 200_000 < sum(sys.getsizeof(getattr(plan, name)) for name in ReplayPlan.__slots__) < 400_000


@pytest.mark.parametrize("changed", [1, 10])
def test_cost_follows_what_happened(me: Reader, changed: int) -> None:
    before, since = me.join(), time.time_ns() // 1000
    me.happen(changed)
    assert me.resume(since).count("receive_message") == changed
    assert len(me.join()) == len(before) + changed
    listed = me.list_page()
    assert [row["unread"] for row in listed[:changed]] == [1] * changed
    costs = [me.pages(act) for act in (lambda: me.resume(since), me.join, me.list_page)]
    assert max(costs) <= MOST_PAGES + 60 * changed, costs
