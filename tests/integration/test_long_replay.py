"""A replay of many pages with a plan returns the same as one read of everything, no matter where it is cut and what
changes while it runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from app.core.answer_size import ANSWER_BYTES
from app.core.cursor import decode_cursor
from app.core.events import Event
from app.message_log import keys
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import Epoch
from app.message_log.shards import Shard, Shards
from app.services.reading import replay_plan, resume
from app.services.reading.direct_cache import DirectCache
from app.services.reading.replay_plan import ReplayPlan
from app.services.reading.resume import Replay
from app.store.engine import writing
from tests.factories.history import History
from tests.factories.store import add_pair, next_version, say
from tests.support.process_engine import module_engine as engine

__all__ = ["engine"]

# A seed cannot be shrunk to a smaller history.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
EXAMPLES = settings(
    max_examples=8, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ALL_AT_ONCE = 1_000_000


# A medium whose end was announced in the conversation, and the message that names it, if it is shared.
MEDIUM = """
    WITH ended AS (
        INSERT INTO media (id, conversation_id, user_id, state, storage, version)
        SELECT gen_random_uuid(), id, :u, 'ready', 'local', least(:v, version) FROM conversations WHERE id = :c
        RETURNING id
    ) INSERT INTO media_uses (media_id, conversation_id, seq, told) SELECT id, :c, 1, true FROM ended WHERE :shared
"""


class Limits(NamedTuple):
    """The items of a page, the changed conversations beyond which a replay begins with a plan, and the plan's keys."""

    page: int
    many: int
    lookahead: int


LIMITS = st.builds(Limits, st.integers(1, 9), st.sampled_from([0, 3, 100]), st.sampled_from([1, 2, 5, 20, 1000]))
SEEDS = st.integers(100, 10_000)


class Reader:
    """Replays for users of random histories. Everything is stored."""

    def __init__(self, engine: Engine, client: redis.Redis) -> None:
        self.engine, self.redis = engine, client
        client.flushall()
        client.set(keys.FIRST.epoch, "1:0")
        epoch = CurrentEpoch(60)
        epoch.adopt(Epoch(1, 0))
        stores: Any = {"engine": engine, "shards": Shards([client]), "shard": Shard(client), "requests": None}
        self.replay = Replay(**stores, directs=DirectCache(), epoch=epoch, saw_epoch=lambda _: None)

    def history(self, seed: int, acts: int = 60) -> History:
        made = History(self.engine, seed)
        self.run(made, acts)
        with writing(self.engine) as conn:
            for conversation in made.members:
                version, shared = made.random.choice(made.versions), made.random.random() < 0.5
                values = {"c": conversation, "u": made.users[0], "v": version, "shared": shared}
                conn.execute(text(MEDIUM), values)
        return made

    def run(self, history: History, acts: int) -> None:
        history.run(acts)
        self.redis.set(keys.FIRST.version, history.version)

    def at_once(self, user: int, since: int) -> list[Event]:
        """The oracle: returns the events that one read of everything finds."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resume, "PAGE", ALL_AT_ONCE)
            events, more = self.replay.changes_since(user, since, since)
        assert not more
        return events

    def paged(self, user: int, since: int, limits: Limits, between: Callable[[], object] = lambda: None) -> list[Event]:
        """Reads page by page as a session does. ``between`` is called after each page."""
        events: list[Event] = []
        at, more, plan = since, True, ReplayPlan()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resume, "PAGE", limits.page)
            patch.setattr(resume, "MANY", limits.many)
            patch.setattr(replay_plan, "LOOKAHEAD", limits.lookahead)
            while more:
                page, more = self.replay.changes_since(user, at, since, plan)
                assert page or not more, "a page that is not the last one has events"
                assert all(at < event.version for event in page)
                events += page
                at = max([at, *(event.version for event in page)])
                between()
        assert [event.version for event in events] == sorted(event.version for event in events)
        return events


@pytest.fixture(scope="module")
def reader(engine: Engine, redis_url: str) -> Iterator[Reader]:
    with redis.Redis.from_url(redis_url) as client:
        yield Reader(engine, client)


def shown(events: list[Event]) -> list[tuple[Any, ...]]:
    """Returns the events that the client receives."""
    return [(e.name, e.version, e.cursor, json.loads(e.data), e.before and json.loads(e.before.data)) for e in events]


def thing(event: Event) -> tuple[Any, ...]:
    """Returns the event's subject: of two events about one, the client keeps the later one."""
    data = json.loads(event.data)
    about = "message" if event.name in ("receive_message", "message_updated", "message_deleted") else event.name
    return about, data.get("id"), data.get("conversationId"), data.get("userId")


@given(seed=SEEDS, since=st.integers(0, 59), limits=LIMITS)
@EXAMPLES
def test_pages_have_what_one_read_of_everything_has(reader: Reader, seed: int, since: int, limits: Limits) -> None:
    history = reader.history(seed)
    for user in history.users:
        version = history.versions[since]
        assert shown(reader.paged(user, version, limits)) == shown(reader.at_once(user, version))


@given(seed=SEEDS, limits=LIMITS)
@EXAMPLES
def test_client_that_is_cut_off_at_any_event_resumes_there(reader: Reader, seed: int, limits: Limits) -> None:
    history = reader.history(seed)
    user, since = history.users[seed % 4], history.versions[10]
    events = reader.paged(user, since, limits)
    everything = {(event.version, *thing(event)) for event in events}
    for cut in range(len(events)):
        cursor = decode_cursor(events[cut].cursor)
        assert cursor is not None
        resumed = reader.paged(user, cursor.version, limits)
        assert shown(resumed) == shown(reader.at_once(user, cursor.version))
        received = [*events[: cut + 1], *resumed]
        assert {(event.version, *thing(event)) for event in received} == everything
        repeated = [event for event in events[: cut + 1] if event.version > cursor.version]
        assert {event.version for event in repeated} <= {events[cut].version}


@given(seed=SEEDS, limits=LIMITS, acts=st.lists(st.integers(0, 4), max_size=15))
@EXAMPLES
def test_changes_between_two_pages_arrive(reader: Reader, seed: int, limits: Limits, acts: list[int]) -> None:
    history = reader.history(seed)
    user, since, left = history.users[seed % 4], history.versions[10], list(acts)
    events = reader.paged(user, since, limits, lambda: reader.run(history, left.pop()) if left else None)
    events += reader.at_once(user, max([since, *(event.version for event in events)]))  # the events of the live stream
    last = states(events)
    expected = states(reader.at_once(user, since))
    for one in [one for one in expected if one[2] == history.large and one[3]]:
        del expected[one]  # whether a mark of a large group is sent depends on its size at that time
    assert {one: last.get(one) for one in expected} == expected
    assert len({(event.version, *thing(event)) for event in events}) == len(events), "an event came twice"


def test_pages_of_long_texts_end_at_the_size_of_an_answer(reader: Reader) -> None:
    pair, user, other = add_pair(reader.engine)
    version = next_version()
    messages = say(reader.engine, pair, other, *("ä" * 8_000 for _ in range(70)))
    reader.redis.set(keys.FIRST.version, messages[-1].version)
    sizes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume, "MANY", 0)
        at, more, plan = version, True, ReplayPlan()
        while more:
            events, more = reader.replay.changes_since(user, at, version, plan)
            sizes.append(sum(len(event.data) for event in events))
            at = events[-1].version if events else at
    assert at == messages[-1].version
    assert max(sizes) <= 1.1 * ANSWER_BYTES
    assert sum(sizes) >= 70 * 16_000


# Fields that later events change without an event of the message or group itself.
CHANGED_ELSEWHERE = {"starred", "lastSeq", "updatedAt", "members"}


def states(events: list[Event]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Returns the client's final state, by subject."""
    singly = [one for event in events for one in (event.before, event) if one is not None]
    found = {thing(event): json.loads(event.data) for event in singly}
    for fields in found.values():
        for name in CHANGED_ELSEWHERE & fields.keys():
            del fields[name]
        if fields.get("reactions") == []:
            del fields["reactions"]  # a message that arrives without reactions has no such field
    return found
