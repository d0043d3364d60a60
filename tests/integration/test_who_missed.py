"""A few statements find out for many sessions whether they missed anything, and no session misses anything."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text

from app.message_log import keys
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import Epoch
from app.message_log.shards import Shard, Shards
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.direct_cache import DirectCache
from app.services.reading.resume import Replay
from app.services.reading.waiting_requests import WaitingRequests
from app.services.reading.who_missed import who_missed
from app.store.engine import writing
from app.store.sql import HotStatement
from tests.factories.history import History
from tests.factories.store import add_direct, add_users, next_version, say
from tests.integration.drain.log_and_store import LogAndStore
from tests.support.process_engine import module_engine as engine

__all__ = ["engine"]

SESSIONS, AT_ONCE = 1_000, 100
STATEMENTS_AT_ONCE = 7


class Sessions:
    """``replay`` is the read that a session makes by itself."""

    def __init__(self, engine: Engine, client: redis.Redis) -> None:
        self.engine, self.redis = engine, client
        client.flushall()
        client.set(keys.FIRST.epoch, "1:0")
        self.version = next_version()
        client.set(keys.FIRST.version, self.version)
        epoch = CurrentEpoch(60)
        epoch.adopt(Epoch(1, 0))
        directs, stores = DirectCache(), {"engine": engine, "shards": Shards([client])}
        cache: Any = {"run_blocking": lambda act: act(), "present_epoch": lambda _: epoch.number}
        requests = WaitingRequests(
            **stores, redis=client, conversations=ConversationCache(**stores, directs=directs, **cache)
        )
        self.replay = Replay(
            **stores, shard=Shard(client), directs=directs, epoch=epoch, requests=requests, saw_epoch=lambda _: None
        )

    def ask(self, *asked: tuple[int, int]) -> list[bool]:
        return who_missed(asked, engine=self.engine, shard=Shard(self.redis), saw_epoch=lambda _: None)

    def missed(self, user: int, version: int) -> bool:
        events, _ = self.replay.changes_since(user, version, version)
        return bool(events or self.replay.news_since(user, version))

    def run(self, statement: str, **values: Any) -> None:
        with writing(self.engine) as conn:
            conn.execute(text(statement), values)


@pytest.fixture
def sessions(engine: Engine, redis_client: redis.Redis) -> Sessions:
    return Sessions(engine, redis_client)


@pytest.mark.parametrize("seed", range(3))
def test_whoever_missed_something_is_found(sessions: Sessions, seed: int) -> None:
    history = History(sessions.engine, 30 + seed)
    history.run(60)
    sessions.redis.set(keys.FIRST.version, history.version)
    sessions.run("UPDATE users SET changed_at = NULL")
    spared = 0
    for version in [history.version, *history.random.sample(history.versions, 12)]:
        asked = [(user, version) for user in history.users]
        for one, perhaps in zip(asked, sessions.ask(*asked), strict=True):
            assert perhaps or not sessions.missed(*one)
            spared += not perhaps
    assert spared >= len(history.users)


def test_unstored_message_is_missed_by_its_conversation_only(sessions: Sessions) -> None:
    one, two, three, four = add_users(sessions.engine, 4)
    pair, other = add_direct(sessions.engine, one, two), add_direct(sessions.engine, three, four)
    log, version = LogAndStore(sessions.redis, sessions.engine), sessions.version
    log.hydrate(pair, other)
    sessions.run("UPDATE users SET changed_at = NULL")
    assert sessions.ask(*((user, version) for user in (one, two, three, four))) == [False] * 4
    log.send(pair, one, "Hello")
    assert sessions.ask(*((user, version) for user in (one, two, three, four))) == [True, True, False, False]
    sessions.redis.delete(keys.FIRST.epoch)
    assert sessions.ask((three, version)) == [True]


NOW = "to_timestamp(CAST(:version AS bigint) / 1000000)"  # the time of the factories is not that of the clock
NEWS = {
    "profile": f"UPDATE users SET changed_at = {NOW} WHERE id = :other",
    "own profile": f"UPDATE users SET changed_at = {NOW} WHERE id = :user",
    "request": f"""INSERT INTO requests (user_id, conversation_id, from_id, created_at)
                   VALUES (:user, :group, :other, {NOW})""",
    "draft": """INSERT INTO drafts (user_id, conversation_id, body, version, updated_at)
                VALUES (:user, :pair, 'x', CAST(:version AS bigint) + 1, now())""",
}


@pytest.mark.parametrize("news", NEWS)
def test_news_that_have_no_place_among_the_messages_are_found(sessions: Sessions, news: str) -> None:
    user, other, stranger = add_users(sessions.engine, 3)
    pair, group = add_direct(sessions.engine, user, other), add_direct(sessions.engine, other, stranger)
    sessions.run("UPDATE users SET changed_at = NULL")
    version = sessions.version
    assert sessions.ask((user, version)) == [False]
    values = {"user": user, "other": other, "pair": pair, "group": group, "version": version}
    sessions.run(NEWS[news], **{name: value for name, value in values.items() if f":{name}" in NEWS[news]})
    assert sessions.ask((user, version)) == [True]


def test_a_thousand_sessions_read_the_store_in_few_statements(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = add_users(sessions.engine, SESSIONS)
    pairs = [add_direct(sessions.engine, one, two) for one, two in zip(people[::2], people[1::2], strict=True)]
    for pair, sender in list(zip(pairs, people[::2], strict=True))[:5]:
        say(sessions.engine, pair, sender, "Hello")
    sessions.run("UPDATE users SET changed_at = NULL")
    ran: list[str] = []
    rows = HotStatement.rows

    def counted(self: HotStatement, *args: Any, **values: Any) -> list[tuple[Any, ...]]:
        ran.append(self.text)
        return rows(self, *args, **values)

    monkeypatch.setattr(HotStatement, "rows", counted)
    answers: list[bool] = []
    for first in range(0, SESSIONS, AT_ONCE):
        answers += sessions.ask(*((user, sessions.version) for user in people[first : first + AT_ONCE]))
    assert answers == [True] * 10 + [False] * (SESSIONS - 10)
    assert len(ran) <= STATEMENTS_AT_ONCE * SESSIONS // AT_ONCE
