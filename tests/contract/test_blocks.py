"""Blocks are stored and idempotent, and hide each user's presence from the other.

For messages see test_blocked_send.
"""

from __future__ import annotations

from typing import Any

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import eventually, is_time, refused
from tests.support.clients import Account, Event, RestClient, WsClient, register
from tests.support.processes import Stack


def block(rest: Any, user: Account | int, *, on: bool = True) -> int:
    user_id = user if isinstance(user, int) else user.user_id
    return int(rest.request("PUT" if on else "DELETE", f"/blocks/{user_id}").status_code)


def presence_events(client: WsClient, user_id: int) -> list[Event]:
    return [event for event in client.named("presence") if event.data["userId"] == user_id]


def test_block_is_stored_and_idempotent(rest: MakeRest, ann: Account, ben: Account, eve: Account) -> None:
    mine = rest(ann)
    assert mine.json("GET", "/blocks") == {"users": []}
    assert [block(mine, ben), block(mine, ben), block(mine, eve)] == [204] * 3
    assert [user["id"] for user in mine.json("GET", "/blocks")["users"]] == [eve.user_id, ben.user_id]
    assert rest(ben).json("GET", "/blocks") == {"users": []}
    assert [block(mine, ben, on=False), block(mine, ben, on=False), block(mine, 2**50, on=False)] == [204] * 3
    assert [user["id"] for user in mine.json("GET", "/blocks")["users"]] == [eve.user_id]


def test_blocking_oneself_or_a_missing_user_is_refused(rest: MakeRest, ann: Account) -> None:
    with refused("invalid"):
        block(rest(ann), ann)
    with refused("not_found"):
        block(rest(ann), 2**50)
    with refused("unauthorized"):
        block(rest(), ann)


def test_block_hides_presence_both_ways(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    connect("ws", ann), connect("ws", ben)
    assert rest(ann).presence([ben.user_id])[ben.user_id]["status"] == "online"
    block(rest(ann), ben)
    away = {"status": "offline", "lastSeen": None}
    assert rest(ann).presence([ben.user_id])[ben.user_id] == {"userId": ben.user_id, **away}
    assert rest(ben).presence([ann.user_id])[ann.user_id] == {"userId": ann.user_id, **away}
    assert connect("ws", ben).presence([ann.user_id])[ann.user_id] == {"userId": ann.user_id, **away}
    block(rest(ann), ben, on=False)
    assert rest(ben).presence([ann.user_id])[ann.user_id]["status"] == "online"


def test_block_ends_presence_subscriptions_on_all_gateways(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account
) -> None:
    """The subscription ends regardless of which of the two users blocks the other."""
    for blocker, blocked in ((ann, ben), (ben, ann)):
        session = connect("ws", ben)
        watchers = [connect("ws", ann), connect("ws", ann)]  # one on each gateway
        control: WsClient = connect("ws", eve)
        for client in (*watchers, control):
            assert client.presence([ben.user_id])[ben.user_id]["status"] == "online"
        block(rest(blocker), blocked)
        before = [len(presence_events(watcher, ben.user_id)) for watcher in watchers]
        session.close()
        control.next_event(is_offline(ben))
        for watcher, count in zip(watchers, before, strict=True):
            watcher.fence()
            assert len(presence_events(watcher, ben.user_id)) == count
        block(rest(blocker), blocked, on=False)


def is_offline(user: Account) -> Any:
    return lambda e: e.name == "presence" and e.data["userId"] == user.user_id and e.data["status"] == "offline"


def test_subscribing_under_a_block_gives_no_events(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account
) -> None:
    block(rest(ben), ann)
    watcher, control = connect("ws", ann), connect("ws", eve)
    for client in (watcher, control):
        client.presence([ben.user_id])
    connect("ws", ben).close()
    control.next_event(lambda e: is_offline(ben)(e) and e.data["lastSeen"])
    watcher.fence()
    assert presence_events(watcher, ben.user_id) == []


# -- last seen --------------------


def shown(rest: Any, user_id: int) -> bool:
    seen = rest.presence([user_id])[user_id]["lastSeen"]
    assert seen is None or is_time(seen)
    return seen is not None


def test_last_seen_is_shown_as_the_setting_says(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account
) -> None:
    rest(ann).send(receiver_id=ben.user_id)
    connect("ws", ann).close()
    eventually(lambda: shown(rest(ben), ann.user_id), "last seen")
    assert rest(ann).json("GET", "/me")["lastSeenVisible"] == "everyone"
    for setting, seen_by in {"everyone": "ben eve", "contacts": "ben", "nobody": ""}.items():
        assert rest(ann).json("PATCH", "/me", json={"lastSeenVisible": setting})["lastSeenVisible"] == setting
        for name, account in {"ben": ben, "eve": eve}.items():
            assert shown(rest(account), ann.user_id) == (name in seen_by), (setting, name)
        assert shown(rest(ann), ann.user_id)
    with refused("invalid"):
        rest(ann).json("PATCH", "/me", json={"lastSeenVisible": "friends"})


def test_one_rule_decides_about_online_and_last_seen(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, eve: Account
) -> None:
    """Nobody can defeat the setting by watching the user come and go."""
    rest(ann).send(receiver_id=ben.user_id)
    session = connect("ws", ann)
    for setting, shown_to in {"everyone": "ben eve", "contacts": "ben", "nobody": ""}.items():
        rest(ann).json("PATCH", "/me", json={"lastSeenVisible": setting})
        for name, account in {"ben": ben, "eve": eve}.items():
            status = rest(account).presence([ann.user_id])[ann.user_id]["status"]
            assert status == ("online" if name in shown_to else "offline"), (setting, name)
    watchers = [connect("ws", ben), connect("ws", eve)]
    for client in watchers:
        assert client.presence([ann.user_id])[ann.user_id]["status"] == "offline"
    session.close()
    connect("ws", ann).fence()
    for client in watchers:
        client.fence()
        assert presence_events(client, ann.user_id) == []


def test_hiding_the_presence_ends_what_watchers_see(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    watcher = connect("ws", ben)
    connect("ws", ann)
    assert watcher.presence([ann.user_id])[ann.user_id]["status"] == "online"
    rest(ann).json("PATCH", "/me", json={"lastSeenVisible": "nobody"})
    hidden = watcher.next_event(lambda e: e.name == "presence" and e.data["status"] == "offline").data
    assert hidden == {"userId": ann.user_id, "status": "offline", "lastSeen": None}


def test_new_accounts_show_their_presence_to_contacts(short_server: Stack, opened: list[Any]) -> None:
    one, other = (register(short_server.base_url) for _ in range(2))
    mine, theirs = (RestClient(short_server.base_url, who.access_token) for who in (one, other))
    session = WsClient(short_server.base_url, one)
    opened += [mine, theirs, session]
    session.join()
    assert mine.json("GET", "/me")["lastSeenVisible"] == "contacts"
    conversation = theirs.send(receiver_id=one.user_id)["conversationId"]
    assert theirs.presence([one.user_id])[one.user_id]["status"] == "offline"
    mine.send(conversation_id=conversation)
    assert theirs.presence([one.user_id])[one.user_id]["status"] == "online"


def test_setting_to_hide_messages_of_blocked_people_is_kept(rest: MakeRest, ann: Account) -> None:
    assert rest(ann).json("GET", "/me")["hideBlockedMessages"] is False
    for on in (True, False, True):
        assert rest(ann).json("PATCH", "/me", json={"hideBlockedMessages": on})["hideBlockedMessages"] is on
    for wrong in ("yes", 1, None):
        with refused("invalid"):
            rest(ann).json("PATCH", "/me", json={"hideBlockedMessages": wrong})
    assert rest(ann).json("GET", "/me")["hideBlockedMessages"] is True
