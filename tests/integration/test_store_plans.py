"""Opening a conversation of a million messages costs as much as one of a hundred: plans, and pages touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from app.config import Settings
from app.store import groups, message_life, message_receipts, messages, previews, receipts, unread
from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch
from app.store.conversations import get_one, list_page, load_state
from app.store.engine import create_engine, reading, writing
from app.store.memberships import conversations_of
from app.store.sql import driver
from app.store.unread_tail import count_with_floor
from tests.support.plans import Plan, nodes, pages, plans_of, without_indexes

LARGE, SMALL = 1_000_000, 100
UNREAD = 30
OTHERS = 2_000

# User 100 is in 500 conversations. Conversation 1 is large and 2 is small, both of users 1 and 2. The other users and
# conversations are only filler.
FILL = """
    INSERT INTO users (username, display_name) SELECT 'user' || n, 'Somebody ' || n FROM generate_series(1, :others)
    n; INSERT INTO conversations (kind, direct_low, direct_high, last_seq, version)
        SELECT 'direct', 2 * n - 1, 2 * n, 0, 0 FROM generate_series(1, :others / 2) n;
    UPDATE conversations SET kind = 'group', direct_low = NULL, direct_high = NULL WHERE id = 2;
    INSERT INTO members (conversation_id, user_id)
        SELECT n, 2 * n - 1 FROM generate_series(1, :others / 2) n UNION SELECT n, 2 * n FROM generate_series(1,
        :others / 2) n UNION SELECT 2, 1 UNION SELECT 2, 2;
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, created_version, sent_at,
                          deleted_at, pinned_at, mentions_all)
        SELECT c, n, CAST(lpad(to_hex(CAST(c AS bigint) * 10000000 + n), 32, '0') AS uuid), 1 + n % 2, 'text',
        'text',
               1000000 + n * 10 + c, 1000000 + n * 10 + c, now(), CASE WHEN n % 10 = 3 THEN now() END,
               CASE WHEN c < 3 AND (most - n) % (most / 5) = 4 THEN now() END, (most - n) % (most / 5) = 3
        FROM (SELECT 1 AS c, :large AS most UNION SELECT 2, :small
              UNION SELECT n, 20 FROM generate_series(3, :others / 2) n) AS s
        CROSS JOIN LATERAL generate_series(1, most) AS n;
    UPDATE conversations SET last_seq = s.most, version = 1000000 + s.most * 10 + id FROM (
        SELECT n, CASE n WHEN 1 THEN :large WHEN 2 THEN :small ELSE 20 END AS most
        FROM generate_series(1, :others / 2) n) AS s WHERE id = s.n;
    INSERT INTO members (conversation_id, user_id) SELECT n, 100 FROM generate_series(101, 600) n;
    UPDATE members SET last_read_seq = last_seq - :unread, last_delivered_seq = last_seq - :unread
        FROM conversations WHERE id = conversation_id AND id < 3;
    UPDATE conversations SET member_count = 2;
    INSERT INTO hidden_messages SELECT 1, conversation_id, seq, version + 1 FROM messages
        WHERE seq % 10 = 1 AND (conversation_id = 1 AND seq > :large - 50 OR conversation_id = 2 AND seq > :small - 50);
    INSERT INTO hidden_messages SELECT u, 2 * u, n, n FROM generate_series(3, 50) u, generate_series(1, 50) n;
    INSERT INTO mentions SELECT 1, conversation_id, seq FROM hidden_messages WHERE user_id = 1;
    INSERT INTO mentions SELECT u, 2 * u, n FROM generate_series(3, 50) u, generate_series(1, 50) n;
    INSERT INTO reactions (conversation_id, seq, user_id, emoji, version)
        SELECT conversation_id, seq, u, 'e' || u % 3, 1 FROM messages, generate_series(1, 3) u
        WHERE conversation_id < 3 AND seq % 20 = 0;
    INSERT INTO message_edits SELECT conversation_id, seq, n, 'old', 1, now() FROM messages, generate_series(1, 3) n
        WHERE conversation_id < 3 AND seq % 20 = 0;
"""


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings, timeout_seconds=300)
    filling = FILL
    for name, value in {"others": OTHERS, "large": LARGE, "small": SMALL, "unread": UNREAD}.items():
        filling = filling.replace(f":{name}", str(value))
    with writing(made) as conn, without_indexes(conn):
        driver(conn).execute(filling)
    with reading(made) as conn:
        conn.execute(text(f"VACUUM ANALYZE {', '.join(TABLES)}"))
    yield made
    made.dispose()


TABLES = (
    "users", "conversations", "members", "messages", "hidden_messages", "mentions", "reactions", "message_edits",
)  # fmt: skip
LARGE_TABLES = TABLES[2:]


def an_id(conn: Connection, conversation: int) -> str:
    where = "FROM messages WHERE conversation_id = :c AND seq = 7"
    return str(conn.execute(text(f"SELECT id {where}"), {"c": conversation}).scalar_one())


# Each as (large, small): the same read of the large and of the small conversation.
READS: dict[str, Callable[[int, int], Callable[[Connection], object]]] = {
    "history, the newest": lambda c, _: lambda conn: messages.history(conn, c, user_id=1).messages,
    "history, from the middle": lambda c, size: (
        lambda conn: messages.history(conn, c, user_id=1, before=size // 2).messages
    ),
    "history, onwards": lambda c, size: lambda conn: messages.history(conn, c, user_id=1, after=size // 2 - 1).messages,
    "unread messages": lambda c, _: lambda conn: unread.unread_messages(conn, [unread.UnreadRequest(1, c, 50)]),
    "pins": lambda c, _: lambda conn: message_life.pins_of(conn, c, 1),
    "located": lambda c, _: lambda conn: message_life.locate(conn, 1, an_id(conn, c)),
    "quotes": lambda c, _: lambda conn: previews.previews(conn, [(c, an_id(conn, c))]),
    "reactions": lambda c, size: lambda conn: message_life.reactions_for(conn, [(c, size - n) for n in range(50)], [1]),
    "edits": lambda c, size: lambda conn: message_life.edits_of(conn, c, size, before=2**62, limit=101),
    "receipts of one message": lambda c, size: lambda conn: message_receipts.receipts_of(conn, c, size, 0, 50).members,
    "members": lambda c, _: lambda conn: groups.page_members(conn, c, 0, 50),
    "find by id": lambda c, _: lambda conn: messages.find_existing(conn, [(c, an_id(conn, c))]),
    "conversation": lambda c, _: lambda conn: get_one(conn, 1, c),
    "state": lambda c, _: lambda conn: load_state(conn, [c]),
}


def check(plans: list[Plan]) -> None:
    scans = [
        (node["Node Type"], node["Relation Name"]) for plan in plans for node in nodes(plan) if "Relation Name" in node
    ]
    assert scans
    assert not [scan for scan in scans if scan[0] == "Seq Scan" and scan[1] in LARGE_TABLES], scans


@pytest.fixture(params=["planner of the server", "planner with table scans"])
def conn(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Connection]:
    with reading(engine) as connection:
        connection.execute(text(f"SET enable_seqscan = {'off' if request.param.endswith('server') else 'on'}"))
        yield connection
        connection.execute(text("SET enable_seqscan = off"))


@pytest.mark.parametrize("name", READS)
def test_read_of_the_large_conversation_costs_as_much_as_of_the_small(conn: Connection, name: str) -> None:
    large, small = (plans_of(conn, READS[name](c, size)) for c, size in ((1, LARGE), (2, SMALL)))
    check(large)
    check(small)
    # An index of a million rows has two levels more than one of a hundred. That adds some pages to each descent, not a
    # factor.
    assert pages(large) <= 1.5 * pages(small) + 20, (pages(large), pages(small))


@pytest.mark.parametrize(
    "read",
    [
        lambda conn: messages.changed_since(conn, 1, 1_000_000 + (LARGE - 20) * 10 + 1, 100).messages,
        lambda conn: unread.unread_counts(conn, [1, 2]),
        lambda conn: unread.unread_messages(conn, [unread.UnreadRequest(u, None, 20) for u in range(1, 21)]),
        lambda conn: receipts.delivered_up_to(conn, 1, 1_000_000 + LARGE * 10),
        lambda conn: list_page(conn, 1)[0],
        lambda conn: messages.hidden_since(conn, 1, 1_000_000 + (LARGE - 20) * 10 + 1),
        lambda conn: count_with_floor(conn, {(1, 1): LARGE - 10, (1, 2): 0}),
        lambda conn: conversations_of(conn, [1, 2]),
    ],
    ids=[
        "changed since",
        "unread counts",
        "unread of many",
        "delivered up to",
        "list",
        "hidden since",
        "with floor",
        "memberships",
    ],
)
def test_read_over_all_of_a_users_conversations_uses_indexes(
    conn: Connection, read: Callable[[Connection], object]
) -> None:
    plans = plans_of(conn, read)
    check(plans)
    assert pages(plans) < 700


def test_list_reads_only_the_conversations_of_its_page(conn: Connection) -> None:
    plans = plans_of(conn, lambda conn: list_page(conn, 100, limit=5)[0])
    check(plans)
    loops = [node["Actual Loops"] for node in nodes(plans[0]) if node.get("Relation Name") in ("messages", "mentions")]
    assert 0 < max(loops) <= 6  # one more than shown, to see whether there are more


def test_changed_receipts_are_found_by_index(conn: Connection, engine: Engine) -> None:
    store_batch(engine, 1, [], [Receipt(1, 2, LARGE - 5, 0, 10**9)])
    check(plans_of(conn, lambda conn: receipts.receipts_changed_since(conn, 1, 10**9 - 1)))


def test_a_million_unread_messages_are_counted_up_to_the_cap(conn: Connection, engine: Engine) -> None:
    with writing(engine) as other:
        other.execute(text("UPDATE members SET last_read_seq = 0 WHERE conversation_id = 1 AND user_id = 1"))
    plans = plans_of(conn, lambda conn: unread.unread_counts(conn, [1]))
    check(plans)
    assert pages(plans) < 200
    [count] = [row[2] for row in unread.unread_counts(conn, [1]) if row[1] == 1]
    # Half of the newest COUNT_CAP messages are the user's own, a tenth are deleted, and five are hidden.
    assert count == unread.COUNT_CAP * 4 // 10 - 5
