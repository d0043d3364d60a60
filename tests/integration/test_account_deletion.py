"""Account deletion with ACCOUNT_DELETION=erase: messages are erased for everyone, and lost tasks are enqueued again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, create_engine, text

from app.bootstrap import build_container
from app.config import Settings
from app.container import Container
from app.core.errors import Overloaded
from app.fanout.revocation import all_sessions_of
from app.message_log import keys
from app.services.accounts import remove_account_data
from app.store import account_deletions
from app.store.engine import writing
from tasks import accounts, maintenance
from tests.contract.expect import eventually, refused
from tests.factories.store import add_users
from tests.support.clients import Account, RestClient, WsClient, register
from tests.support.processes import Stack

STACK = {"web": 2, "env": {"ACCOUNT_DELETION": "erase"}}


@pytest.fixture(scope="module")
def store(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def people(server: Stack) -> Iterator[list[tuple[Account, RestClient]]]:
    accounts = [register(server.base_url) for _ in range(3)]
    made = [(account, RestClient(server.base_url, account.access_token)) for account in accounts]
    yield made
    for _, client in made:
        client.close()


def finished(store: Engine, user_id: int) -> bool:
    with store.connect() as conn:
        query = text("SELECT finished_at IS NOT NULL FROM account_deletions WHERE user_id = :u")
        return bool(conn.execute(query, {"u": user_id}).scalar())


def test_messages_are_erased_everywhere_and_sessions_get_the_events(
    server: Stack, store: Engine, people: list[Any]
) -> None:
    (ann, mine), (ben, theirs), (cyd, third) = people
    club = mine.json(
        "POST", "/conversations", json={"kind": "group", "name": "G", "memberIds": [ben.user_id, cyd.user_id]}
    )["id"]
    left = theirs.json("POST", "/conversations", json={"kind": "group", "name": "L", "memberIds": [ann.user_id]})["id"]
    for conversation in (club, left):
        for i in range(150 if conversation == club else 3):
            mine.send(conversation_id=conversation, message=f"secret {i}")
        theirs.send(conversation_id=conversation, message="stays")
    mine.request("POST", f"/conversations/{left}/leave")
    direct = mine.send(receiver_id=ben.user_id, message="secret")
    notes = mine.send(receiver_id=ann.user_id, message="secret")
    mine.request("PATCH", f"/messages/{direct['id']}", json={"message": "another secret"})
    mine.request("PUT", f"/blocks/{cyd.user_id}")
    watcher = WsClient(server.base_urls[1], ben).join()
    mine.request("DELETE", "/me", json={"password": ann.password})
    eventually(lambda: finished(store, ann.user_id), "the removal", 60)
    watcher.next_event(lambda e: e.name == "message_deleted" and e.data["id"] == direct["id"])
    watcher.finish()
    with store.connect() as conn:
        values = {"u": ann.user_id}
        left_over = conn.execute(
            text("SELECT count(*) FROM messages WHERE sender_id = :u AND kind <> 'system' AND body IS NOT NULL"), values
        )
        assert left_over.scalar() == 0
        assert conn.execute(text("SELECT count(*) FROM message_edits WHERE editor_id = :u"), values).scalar() == 0
        assert conn.execute(text("SELECT count(*) FROM blocks WHERE user_id = :u"), values).scalar() == 0
        query = text("SELECT count(*) FROM members JOIN conversations ON id = conversation_id WHERE user_id = :u"
                     " AND left_seq IS NULL AND kind = 'group'")  # fmt: skip
        assert conn.execute(query, values).scalar() == 0
    assert notes["conversationId"]
    [message] = theirs.history(direct["conversationId"])["messages"]
    assert "deletedAt" in message
    assert "message" not in message
    stays = [m for m in theirs.history(club, limit=100)["messages"] if m["kind"] == "text" and "deletedAt" not in m]
    assert [m["message"] for m in stays] == ["stays"]
    roles = {m["userId"]: m["role"] for m in third.conversation(club)["members"]}
    assert sorted(roles.values()) == ["member", "owner"]
    assert ann.user_id not in roles


def test_reloaded_conversation_accepts_nothing_for_a_deleted_account(
    server: Stack, redis_client: redis.Redis, store: Engine, people: list[Any]
) -> None:
    (ann, mine), (_, theirs), (_, third) = people
    used = theirs.send(receiver_id=ann.user_id)["conversationId"]
    idle = third.send(receiver_id=ann.user_id)["conversationId"]
    redis_client.delete(keys.FIRST.conversation(idle))
    mine.request("DELETE", "/me", json={"password": ann.password})
    eventually(lambda: finished(store, ann.user_id), "the removal", 60)
    for client, conversation in ((theirs, used), (third, idle)):
        for _ in range(2):
            with refused("forbidden"):
                client.send(conversation_id=conversation)
            redis_client.delete(keys.FIRST.conversation(conversation))


def test_reported_message_is_kept_until_the_report_is_decided(server: Stack, store: Engine, people: list[Any]) -> None:
    (ann, mine), (ben, theirs), (cyd, judge) = people
    with store.begin() as conn:
        conn.execute(text("UPDATE users SET is_admin = true WHERE id = :u"), {"u": cyd.user_id})
    sent = [mine.send(receiver_id=ben.user_id, message=f"insult {i}") for i in range(2)]
    given = {"reason": "harassment", "note": "look"}
    decided, open_ = (theirs.json("POST", f"/messages/{message['id']}/report", json=given)["id"] for message in sent)
    judged = judge.json("PATCH", f"/admin/reports/{decided}", json={"state": "resolved"})
    assert (judged["message"], judged["note"]) == ("insult 0", "look")
    mine.request("DELETE", "/me", json={"password": ann.password})
    eventually(lambda: finished(store, ann.user_id), "the removal", 60)
    assert texts_of_reports(store, ben.user_id) == {decided: (None, "look"), open_: ("insult 1", "look")}
    judge.json("PATCH", f"/admin/reports/{open_}", json={"state": "reviewing"})
    assert texts_of_reports(store, ben.user_id)[open_] == ("insult 1", "look")
    judge.json("PATCH", f"/admin/reports/{open_}", json={"state": "dismissed"})
    theirs.request("DELETE", "/me", json={"password": ben.password})
    eventually(lambda: finished(store, ben.user_id), "the removal of the reporter", 60)
    assert texts_of_reports(store, ben.user_id) == {decided: (None, None), open_: (None, None)}


def texts_of_reports(store: Engine, reporter: int) -> dict[int, tuple[str | None, str | None]]:
    with store.connect() as conn:
        rows = conn.execute(text("SELECT id, body, note FROM reports WHERE reporter_id = :u"), {"u": reporter})
        return {id_: (body, note) for id_, body, note in rows}


# -- lost tasks --------------------


@pytest.fixture
def shared(settings: Settings, server: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    made = build_container(settings)
    monkeypatch.setenv("DATABASE_URL", settings.database_url)  # celeryconfig.py reads them at the first task
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("SECRET_KEY", settings.secret_key)
    for module in (accounts, maintenance):
        monkeypatch.setattr(module, "container", lambda: made)
    yield made
    made.close()


def test_lost_deletion_is_enqueued_again_and_may_run_twice(
    store: Engine, shared: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued: list[int] = []
    monkeypatch.setattr(maintenance, "enqueue_deletion", enqueued.append)
    lost, waiting = add_users(shared.engine, 2)
    with writing(shared.engine) as conn:
        for user in (lost, waiting):
            assert account_deletions.begin_deletion(conn, user, erase=True)
            assert not account_deletions.begin_deletion(conn, user, erase=True)
    with store.begin() as conn:
        conn.execute(
            text("UPDATE account_deletions SET requested_at = now() - interval '2 minutes' WHERE user_id = :u"),
            {"u": lost},
        )
    maintenance.sweep_accounts()
    assert lost in enqueued
    assert waiting not in enqueued
    for _ in range(2):
        accounts.delete_account(lost)
    assert finished(store, lost)
    enqueued.clear()
    maintenance.sweep_accounts()
    assert lost not in enqueued


def begin(store: Engine, user_id: int) -> None:
    """Begins a deletion that no task of the server continues."""
    with store.begin() as conn:
        assert account_deletions.begin_deletion(conn, user_id, erase=False)


def test_unblock_during_the_removal_does_not_open_the_conversation(
    store: Engine, shared: Container, people: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann, _), (_, theirs), _ = people
    conversation = theirs.send(receiver_id=ann.user_id)["conversationId"]
    begin(store, ann.user_id)
    save, set_now = account_deletions.save_progress, remove_account_data.set_blockers

    def unblock() -> None:
        theirs.request("DELETE", f"/blocks/{ann.user_id}")

    def save_after_an_unblock(*arguments: Any) -> bool:
        unblock()
        return save(*arguments)

    def set_between_two_unblocks(*arguments: Any) -> bool:
        unblock()
        was_set = set_now(*arguments)
        unblock()
        return was_set

    monkeypatch.setattr(account_deletions, "save_progress", save_after_an_unblock)
    monkeypatch.setattr(remove_account_data, "set_blockers", set_between_two_unblocks)
    eventually(lambda: accounts.delete_account(ann.user_id) or finished(store, ann.user_id), "the removal", 60)
    with refused("forbidden"):
        theirs.send(conversation_id=conversation)


def test_next_task_closes_the_conversation_if_the_last_one_ended_before(
    store: Engine, shared: Container, people: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann, _), (_, theirs), (_, third) = people
    for client in (theirs, third):
        client.send(receiver_id=ann.user_id)
    begin(store, ann.user_id)
    set_now = remove_account_data.set_blockers
    monkeypatch.setattr(remove_account_data, "set_blockers", _away)
    for _ in range(3):
        accounts.delete_account(ann.user_id)
        assert not finished(store, ann.user_id)
    monkeypatch.setattr(remove_account_data, "set_blockers", set_now)
    eventually(lambda: accounts.delete_account(ann.user_id) or finished(store, ann.user_id), "the removal", 60)
    for client in (theirs, third):
        with refused("forbidden"):
            client.send(receiver_id=ann.user_id)


def _away(*_: Any) -> bool:
    raise Overloaded("Redis does not answer.")


def test_taken_placeholder_name_is_avoided_and_nothing_of_the_user_stays(store: Engine, shared: Container) -> None:
    [user] = add_users(shared.engine, 1)
    with store.begin() as conn:
        conn.execute(text("UPDATE users SET locale = 'de', status_text = 'x' WHERE id = :u"), {"u": user})
        conn.execute(text("INSERT INTO users (username, display_name) VALUES (:n, 'x')"), {"n": f"deleted-{user}"})
    with writing(shared.engine) as conn:
        assert account_deletions.begin_deletion(conn, user, erase=False)
    with store.connect() as conn:
        query = text("SELECT username, display_name, locale, status_text FROM users WHERE id = :u")
        row = conn.execute(query, {"u": user}).one()
    assert row[0].startswith(f"deleted-{user}-")
    assert tuple(row[1:]) == ("Deleted user", None, None)


def test_deleted_user_is_refused_even_after_redis_was_lost(server: Stack, shared: Container, people: list[Any]) -> None:
    """The revocation list is rebuilt from Postgres."""
    (ann, mine), _, _ = people
    mine.request("DELETE", "/me", json={"password": ann.password})
    assert all_sessions_of(ann.user_id) in shared.revoked
    shared.redis.delete(keys.REVOKED)
    assert all_sessions_of(ann.user_id) in shared.revoked
