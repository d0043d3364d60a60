"""The cached routes to the members of a large group (message_log/lua/log.lua) are never out of date.

Each step first sends enough messages for the routes to be cached, then changes the facts they were built from.
"""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import Connect, MakeRest, MakeUser
from tests.support.clients import Account, EventClient

FILLERS = 40  # above ROUTES_KEPT_ABOVE of log.lua

_FILL = text("""
    INSERT INTO users (username, display_name)
    SELECT :name || '-' || n, 'Filler' FROM generate_series(1, :count) AS n RETURNING id
""")


@pytest.fixture
def large(stored: Engine, rest: MakeRest, ann: Account, ben: Account) -> int:
    with stored.begin() as connection:
        name = f"f{uuid.uuid4().hex[:12]}"
        fillers = [row.id for row in connection.execute(_FILL, {"name": name, "count": FILLERS})]
    return int(rest(ann).group(members=[*fillers, ben.user_id])["id"])


def send_to_all(rest: MakeRest, sender: Account, group: int, *clients: EventClient) -> None:
    """Sends three messages in a row: the second stores the routes, the third uses them."""
    for _ in range(3):
        sent = rest(sender).send(conversation_id=group)
        for client in clients:
            client.next_event(lambda event, id_=sent["id"]: event.data.get("id") == id_)


def test_routes_follow_members_going_online_and_offline(
    connect: Connect, rest: MakeRest, large: int, ann: Account, ben: Account
) -> None:
    first = connect("ws", ben)
    send_to_all(rest, ann, large, first)
    second, third = connect("sse", ben), connect("poll", ann)
    send_to_all(rest, ann, large, first, second, third)
    first.kill()
    send_to_all(rest, ann, large, second, third)
    first.reconnect()
    send_to_all(rest, ann, large, first, second, third)


def test_routes_follow_added_and_removed_members(
    connect: Connect, rest: MakeRest, user: MakeUser, large: int, ann: Account, ben: Account
) -> None:
    eve = user()
    there, waiting = connect("ws", ben), connect("ws", eve)
    send_to_all(rest, ann, large, there)
    rest(ann).add(large, eve.user_id)
    send_to_all(rest, ann, large, there, waiting)
    rest(ann).remove(large, eve.user_id)
    send_to_all(rest, ann, large, there)
    waiting.fence()
    last = list(waiting.messages(large))[-1]
    assert last["system"] == {"type": "removed", "userIds": [eve.user_id]}
