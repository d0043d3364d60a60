"""The statements' forms for distributed conversations do the same as their forms for one Postgres. Both run on
PostgreSQL; one database has the layout that Citus needs (distribute_conversations.prepare). The same acts must lead to
the same answers. Whether Citus itself accepts the statements was tried outside of this suite (docs/decisions/citus.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from app.config import Settings
from app.store import (
    admissions,
    direct_pairs,
    groups,
    host_conversations,
    message_life,
    messages,
    missed,
    push_facts,
    receipts,
    replay,
    replay_keys,
    unread,
    unread_tail,
    visibility,
)
from app.store.changed_people import changed_since
from app.store.conversations import (
    ConversationSummary,
    all_members_of,
    conversation_ids_of,
    get_one,
    list_page,
    load_state,
)
from app.store.directory import acquainted, contacts_named
from app.store.distribute_conversations import DistributionError, distribute, prepare
from app.store.engine import autocommit, create_engine, reading, writing
from app.store.layout import is_distributed
from app.store.memberships import conversations_of
from app.store.open_direct import get_or_create_direct
from app.store.sql import driver
from dev.embedded import EmbeddedStores
from tests.factories.history import BEGIN_US, History
from tests.factories.store import add_users
from tests.support.store_template import TEMPLATE

_numbers = itertools.count(1)
Twins = tuple[History, History]


@contextmanager
def database(stores: EmbeddedStores, settings: Settings, *, distributed: bool) -> Iterator[Engine]:
    name = f"layout_{next(_numbers)}"
    stores.postgres.create_database(name, TEMPLATE)
    made = create_engine(replace(settings, database_url=stores.postgres.url(name, scheme="postgresql+psycopg")))
    if distributed:
        with autocommit(made) as conn, driver(conn).transaction():
            prepare(driver(conn))
    yield made
    made.dispose()
    stores.postgres.drop_database(name)


@pytest.fixture(scope="module")
def layout(stores: EmbeddedStores, settings: Settings) -> Iterator[Engine]:
    with database(stores, settings, distributed=True) as engine:
        yield engine


@pytest.fixture(scope="module", params=range(3))
def twins(stores: EmbeddedStores, settings: Settings, request: pytest.FixtureRequest) -> Iterator[Twins]:
    """The same history in both layouts."""
    with (
        database(stores, settings, distributed=False) as one,
        database(stores, settings, distributed=True) as other,
    ):
        made = History(one, request.param), History(other, request.param)
        for history, is_other in zip(made, (False, True), strict=True):
            with reading(history.engine) as conn:
                assert is_distributed(conn) is is_other
            held, _ = history.open_held(history.users[-1])
            history.run(120)
            history.admit(held, history.users[-1])
            history.run(30)
        yield made


def places_of(history: History) -> list[tuple[int, int]]:
    return [(c, seq) for c, last in history.seqs.items() for seq in range(1, last + 1)]


def for_each_user(read: Callable[[Connection, History, int], Any]) -> Callable[[Connection, History], Any]:
    return lambda conn, history: [read(conn, history, user) for user in history.users]


def for_versions(read: Callable[..., Any]) -> Callable[[Connection, History], Any]:
    """Reads what changed since some versions, for each user."""
    return lambda conn, history: [
        read(conn, user, version) for user in history.users for version in history.versions[::9]
    ]


def shown(page: tuple[list[ConversationSummary], bool]) -> Any:
    """Without the times of creation, which differ between the databases."""
    fields = "id", "kind", "last_seq", "version", "unread", "mentions", "last_message", "members", "draft"
    return [[getattr(one, field) for field in fields] for one in page[0]], page[1]


READS: dict[str, Callable[[Connection, History], Any]] = {
    "states": lambda conn, h: load_state(conn, sorted(h.members)),
    "lists": for_each_user(lambda conn, _, user: shown(list_page(conn, user, limit=3))),
    "whole lists": for_each_user(lambda conn, _, user: shown(list_page(conn, user))),
    "single": for_each_user(lambda conn, h, user: [get_one(conn, user, c) is None for c in sorted(h.members)]),
    "members": lambda conn, h: all_members_of(conn, sorted(h.members)),
    "ids": for_each_user(lambda conn, _, user: conversation_ids_of(conn, user)),
    "memberships": lambda conn, h: conversations_of(conn, h.users),
    "unread counts": lambda conn, h: sorted(unread.unread_counts(conn, h.users)),
    "unread": lambda conn, h: unread.unread_messages(
        conn, [unread.UnreadRequest(u, c, 7) for u in h.users for c in (None, *h.groups)]
    ),
    "unread tails": lambda conn, h: unread_tail.count_with_floor(conn, {(u, c): 0 for u in h.users for c in h.members}),
    "messages": for_versions(lambda conn, *place: messages.changed_since(conn, *place, 50)),
    "marks": for_versions(receipts.receipts_changed_since),
    "delivered": for_each_user(lambda conn, h, user: sorted(receipts.delivered_up_to(conn, user, h.version))),
    "groups": for_versions(replay.groups_changed_since),
    "left": for_versions(replay.left_since),
    "settings": for_versions(lambda *place: sorted(replay.settings_since(*place))),
    "own changes": for_versions(message_life.own_changes_since),
    "keys": for_versions(
        lambda conn, user, version: sorted(
            replay_keys.keys_between(conn, user, conversation_ids_of(conn, user), version, 2**62, 10_000)
        )
    ),
    "who missed": lambda conn, h: [missed.users_with_changes(conn, [(u, v) for u in h.users]) for v in h.versions[::9]],
    "places": for_each_user(lambda conn, h, user: replay.messages_at(conn, user, places_of(h))),
    "stars": for_each_user(lambda conn, _, user: message_life.starred_by(conn, user, 2**62, 100)),
    "pushes": lambda conn, h: push_facts.load_facts(conn, [(u, c) for u in h.users for c in h.members]),
    "presence": for_each_user(lambda conn, h, user: visibility.visible_to(conn, user, h.users)),
    "viewers": for_each_user(lambda conn, h, user: visibility.presence_viewers(conn, user, h.users)),
    "acquainted": for_each_user(lambda conn, h, user: acquainted(conn, user, h.users)),
    "contacts": for_each_user(lambda conn, _, user: sorted(one.id for one in contacts_named(conn, user, "u", 200))),
    "people": for_each_user(lambda conn, _, user: sorted(p.id for p in changed_since(conn, user, 0, 500) or ())),
    "admissions": for_each_user(lambda conn, h, user: admissions.decide(conn, user, h.users, h.groups[0])),
    "requests": for_each_user(lambda conn, _, user: [r.conversation_id for r in admissions.waiting(conn, user)]),
    "named members": lambda conn, h: groups.page_members(conn, h.groups[1], 0, 50, "u"),
    "pairs": lambda conn, h: direct_pairs.pairs_of(conn, sorted(h.members)),
}


@pytest.mark.parametrize("name", READS)
def test_both_layouts_return_the_same(twins: Twins, name: str) -> None:
    found = []
    for history in twins:
        with reading(history.engine) as conn:
            found.append(READS[name](conn, history))
    assert found[0] == found[1]


def test_statements_note_what_triggers_note(twins: Twins) -> None:
    """The times of conversations without messages are those of their creation."""
    notes = "SELECT user_id, conversation_id, noted, CASE WHEN active > to_timestamp(:begin) THEN active END"
    found = []
    for history in twins:
        with reading(history.engine) as conn:
            rows = conn.execute(text(f"{notes} FROM noted_changes ORDER BY 1, 2"), {"begin": BEGIN_US / 1_000_000})
            found.append([tuple(row) for row in rows])
    assert len(found[0]) > 100
    assert found[0] == found[1]


def test_one_of_many_callers_opens_the_conversation(layout: Engine) -> None:
    one, other = add_users(layout, 2)

    def open_(_: int) -> Any:
        with autocommit(layout) as conn:
            return get_or_create_direct(conn, one, other)

    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(open_, range(12)))
    assert len({found.id for found in opened}) == 1
    assert [found.created for found in opened].count(True) == 1
    with reading(layout) as conn:
        assert direct_pairs.find_direct(conn, other, one) == opened[0].id


def test_group_with_a_missing_member_is_not_created(layout: Engine) -> None:
    [owner] = add_users(layout, 1)
    with autocommit(layout) as conn:
        assert groups.create_group(conn, owner, "Group", [2**40]) is None
        assert conversation_ids_of(conn, owner) == []


def test_external_id_belongs_to_one_conversation(layout: Engine) -> None:
    owner, other = add_users(layout, 2)
    info: dict[str, Any] = {"name": "Order", "created_by": owner}
    with writing(layout) as conn:
        made = host_conversations.create_host_group(conn, "order-1", info, [(owner, "owner")])
    with writing(layout) as conn:
        assert host_conversations.create_host_group(conn, "order-1", info, [(other, "owner")]) is None
    with writing(layout) as conn:
        assert made is not None
        assert host_conversations.conversation_ids_of(conn, ["order-1", "order-2"]) == {"order-1": made}
        assert conversation_ids_of(conn, owner) == [made]
        assert conversation_ids_of(conn, other) == []
        host_conversations.give_up(conn, made, 0)
    with writing(layout) as conn:
        assert host_conversations.find_by_external_id(conn, "order-1") is None
        assert host_conversations.create_host_group(conn, "order-1", info, [(other, "owner")]) not in (None, made)


def test_existing_conversations_keep_their_keys(stores: EmbeddedStores, settings: Settings) -> None:
    with database(stores, settings, distributed=False) as engine:
        one, other = add_users(engine, 2)
        with writing(engine) as conn:
            direct = get_or_create_direct(conn, one, other)
            assert direct is not None
            assert host_conversations.name_direct(conn, direct.id, "ours")
        with autocommit(engine) as conn, driver(conn).transaction():
            prepare(driver(conn))
        fresh = create_engine(replace(settings, database_url=engine.url.render_as_string(hide_password=False)))
        with reading(fresh) as conn:
            assert is_distributed(conn)
            assert direct_pairs.find_direct(conn, one, other) == direct.id
            assert host_conversations.conversation_ids_of(conn, ["ours"]) == {"ours": direct.id}
        fresh.dispose()


def test_nothing_changes_without_citus(stores: EmbeddedStores, settings: Settings) -> None:
    with database(stores, settings, distributed=False) as engine:
        with autocommit(engine) as conn, pytest.raises(DistributionError, match="does not have Citus"):
            distribute(conn, "parley")
        with reading(engine) as conn:
            assert not is_distributed(conn)


def test_layout_is_not_distributed_twice(layout: Engine) -> None:
    with autocommit(layout) as conn:
        assert distribute(conn, "parley") is False
