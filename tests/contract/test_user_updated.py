"""New names and avatars, and deleted accounts, reach everybody who sees the user, live and on resume."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine

from app.services.reading import changed_people
from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually
from tests.support.clients import Account, EventClient, RestClient
from tests.support.media_files import image_bytes


def renamed(client: RestClient, name: str) -> None:
    client.json("PATCH", "/me", json={"displayName": name})


def news_of(client: EventClient, account: Account) -> list[dict[str, Any]]:
    return [event.data for event in client.named("user_updated") if event.data.get("userId") == account.user_id]


def test_new_name_reaches_those_who_share_a_conversation(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    group(ann, ben)
    group(ben, ann)
    watcher, own, stranger = connect(transport, ben), connect("ws", ann), connect("ws", eve)
    renamed(rest(ann), "Ann Anew")
    none = {"avatarUrl": None, "status": None, "doNotDisturbUntil": None}
    expected = {"userId": ann.user_id, "displayName": "Ann Anew", **none}
    assert watcher.next_event("user_updated").data == expected
    assert own.next_event("user_updated").data == expected
    renamed(rest(ann), "Ann Again")
    eventually(lambda: len(news_of(watcher, ann)) == 2, "one event for each change, although they share two groups")
    stranger.ping()
    stranger.fence()
    assert news_of(stranger, ann) == []


def test_client_that_was_away_gets_the_present_state(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    rest(ann).send(receiver_id=ben.user_id)
    watcher = connect(transport, ben)
    watcher.kill()
    for name in ("Ann First", "Ann Last"):
        renamed(rest(ann), name)
    watcher.reconnect()
    eventually(lambda: news_of(watcher, ann), "the news")
    assert news_of(watcher, ann)[-1]["displayName"] == "Ann Last"


def test_avatar_and_deletion_are_announced(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    group(ann, ben)
    watcher = connect("ws", ben)
    client = rest(ann)
    address = client.json("PUT", "/me/avatar", files={"file": ("a.jpg", image_bytes(), "image/jpeg")})["avatarUrl"]
    eventually(lambda: [n["avatarUrl"] for n in news_of(watcher, ann)][-1:] == [address], "the picture")
    client.json("PATCH", "/me", json={"avatarUrl": None})
    eventually(lambda: [n["avatarUrl"] for n in news_of(watcher, ann)][-1:] == [None], "its removal")
    client.request("DELETE", "/me", json={"password": ann.password})
    eventually(lambda: news_of(watcher, ann)[-1:][0].get("deleted") is True, "the end of the account")


def test_sessions_that_watch_a_user_get_the_news(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    watcher = connect("ws", ben)
    watcher.presence([ann.user_id])
    renamed(rest(ann), "Ann Anew")
    assert watcher.next_event("user_updated").data["displayName"] == "Ann Anew"


def test_other_settings_of_a_profile_are_not_announced(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    group(ann, ben)
    watcher = connect("ws", ben)
    rest(ann).json("PATCH", "/me", json={"lastSeenVisible": "nobody"})
    renamed(rest(ann), "Ann Anew")
    watcher.next_event("user_updated")
    assert len(news_of(watcher, ann)) == 1


def test_after_very_many_changes_a_resume_says_only_that_there_were_some(
    stored: Engine, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, monkeypatch: Any
) -> None:
    group(ann, ben, eve)
    for account in (ben, eve):
        renamed(rest(account), "New")
    views = [event.data for event in changed_people.people_events(ann.user_id, 0, engine=stored)]
    assert len(views) == 2
    store = changed_people.store
    monkeypatch.setattr(store, "_AMONG_CHANGED", SimpleNamespace(rows=lambda *_, **__: [(store.MAX_SCANNED + 1, None)]))
    assert {event.data for event in changed_people.people_events(ann.user_id, 0, engine=stored)} == {*views}
    monkeypatch.setattr(changed_people, "MAX_EVENTS", 1)
    assert [event.data for event in changed_people.people_events(ann.user_id, 0, engine=stored)] == [b'{"all":true}']
