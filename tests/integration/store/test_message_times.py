"""The place of a moment in a conversation, compared with a search through all of its messages."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from app.store.engine import writing
from app.store.message_times import seq_at
from tests.factories.store import add_pair

START_MS = 1_700_000_000_000
ADD = text("""
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, created_version, sent_at)
    SELECT :c, s, gen_random_uuid(), :u, 'text', '', s, s, to_timestamp(CAST(t AS float8) / 1000)
    FROM unnest(CAST(:seqs AS bigint[]), CAST(:times AS bigint[])) AS sent (s, t)
""")
# Gaps between seqs (a message may be missing) and between times (several may have the same).
messages = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5)), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=messages, floor=st.integers(0, 60), at=st.integers(-2, 120))
def test_moment_leads_to_the_first_message_since_then(
    engine: Engine, steps: list[tuple[int, int]], floor: int, at: int
) -> None:
    conversation, ann, ben = add_pair(engine)
    seqs = [sum(step for step, _ in steps[: n + 1]) for n in range(len(steps))]
    times = [START_MS + sum(time for _, time in steps[: n + 1]) for n in range(len(steps))]
    last = seqs[-1] if seqs else 0
    floor = min(floor, last)
    with writing(engine) as conn:
        conn.execute(ADD, {"c": conversation, "u": ann, "seqs": seqs, "times": times})
        conn.execute(text("UPDATE conversations SET last_seq = :s WHERE id = :c"), {"s": last, "c": conversation})
        conn.execute(
            text("UPDATE members SET visible_from = :f WHERE conversation_id = :c AND user_id = :u"),
            {"f": floor, "c": conversation, "u": ben},
        )
        found = seq_at(conn, conversation, ben, START_MS + at)
    since = [seq for seq, time in zip(seqs, times, strict=True) if seq > floor and time >= START_MS + at]
    there = next((seq for seq in seqs if seq >= found), None)
    assert there == (since[0] if since else None)
