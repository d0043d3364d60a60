"""The part of the drain's statement that notes what is owed to devices, in the transaction that stores the messages.

One row a user and conversation, however many messages: it says up to which seq, and when somebody has to look. Only
for members who have a device. As long as nobody has, the statement goes without this part, and its fence says so: it
holds where ``log_state.pushing`` is false. The first registration sets that, under the same row's lock, so every batch
was before it, or finds its fence down and is written with this part: no device is missed, and no cache can be wrong.

Cost of a batch of 100 messages in 50 conversations: docs/decisions/push.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from app.store.pg_arrays import int_array

# A row that was looked at and waits is looked at again for a new message, but not at every one.
LOOK_EVERY_SECONDS = 1


class NewPending(NamedTuple):
    """Messages of one sender in one conversation, up to ``seq``: all other members are to hear of them."""

    conversation_id: int
    seq: int
    sender_id: int


# For a change that a notification which stands may tell of: :conversation, :seq and beyond.
STANDING = f"""
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT DISTINCT m.user_id, m.conversation_id, CAST(0 AS bigint), now() FROM members AS m
    JOIN push_shown AS w ON w.user_id = m.user_id AND w.conversation_id = m.conversation_id AND w.seq >= :seq
        AND w.seq > 0
    WHERE m.conversation_id = :conversation
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{LOOK_EVERY_SECONDS} seconds'))
"""

_MESSAGES = """
    SELECT m.user_id, m.conversation_id, s
    FROM fence, unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[])) AS new (c, s, u)
    JOIN members AS m ON m.conversation_id = c AND m.user_id <> u AND m.left_seq IS NULL
        AND (m.muted_until IS NULL OR m.muted_until <= now() OR m.mute_except_mentions)
    WHERE EXISTS (SELECT FROM push_targets AS t WHERE t.user_id = m.user_id)"""
# What stands on a device is to be taken away once it was read elsewhere.
_READ = """
    SELECT w.user_id, w.conversation_id, CAST(0 AS bigint)
    FROM fence, unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[])) AS new (c, u)
    JOIN push_shown AS w ON w.user_id = u AND w.conversation_id = c AND w.seq > 0"""


def push_cte(*, messages: bool, read: bool) -> str:
    """``owed AS (…)``: a row for each user who is owed a look. Its parameters are ``owed_parameters``."""
    sources = " UNION ALL ".join([_MESSAGES] * messages + [_READ] * read)
    return f"""owed AS (
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT user_id, conversation_id, max(s), now() FROM ({sources}) AS news (user_id, conversation_id, s)
    GROUP BY user_id, conversation_id
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET seq = greatest(o.seq, excluded.seq),
        due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{LOOK_EVERY_SECONDS} seconds'))
    RETURNING 1)"""


def owed_parameters(owing: Sequence[NewPending], read: Iterable[tuple[int, int]]) -> list[Any]:
    """``read``: (conversation, user) of those who read something."""
    parameters: list[Any] = []
    if owing:
        parameters += [int_array(column) for column in zip(*owing, strict=True)]
    marks = set(read)
    if marks:
        parameters += [int_array(column) for column in zip(*marks, strict=True)]
    return parameters
