"""A user's status and "do not disturb": shown to those who see the user's presence, live, on resume and in lists."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, exported, refused
from tests.support.clients import Account, EventClient, RestClient

BUSY = {"text": "on holiday", "emoji": "\U0001f334"}


def ahead(**time: float) -> str:
    at = datetime.now(UTC) + timedelta(**time)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def change(rest: RestClient, **fields: Any) -> dict[str, Any]:
    return rest.json("PATCH", "/me", json=fields)


def seen(rest: RestClient, account: Account) -> tuple[Any, Any]:
    [user] = rest.json("GET", "/users", params={"ids": str(account.user_id)})["users"]
    return user.get("status"), user.get("doNotDisturbUntil")


def latest(client: EventClient, account: Account) -> tuple[Any, Any] | None:
    news = [e.data for e in client.named("user_updated") if e.data.get("userId") == account.user_id]
    return (news[-1]["status"], news[-1]["doNotDisturbUntil"]) if news else None


def test_status_reaches_those_who_share_a_conversation(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    group(ann, ben)
    watcher, own, stranger = connect(transport, ben), connect("ws", ann), connect("ws", eve)
    until, quiet = ahead(hours=2), ahead(hours=1)
    status = {**BUSY, "until": until}
    mine = change(rest(ann), status=status, doNotDisturbUntil=quiet)
    assert (mine["status"], mine["doNotDisturbUntil"]) == (status, quiet)
    for client in (watcher, own):
        eventually(lambda client=client: latest(client, ann) == (status, quiet), "the status")
    assert seen(rest(ben), ann) == seen(rest(ann), ann) == (status, quiet)
    change(rest(ann), status=None, doNotDisturbUntil=None)
    for client in (watcher, own):
        eventually(lambda client=client: latest(client, ann) == (None, None), "its end")
    assert seen(rest(ben), ann) == (None, None)
    stranger.fence()
    assert latest(stranger, ann) is None


@pytest.mark.parametrize("status", [{"text": "lunch"}, {"emoji": "\U0001f355"}, {"text": "caf\u00e9 \U0001f37d\ufe0f"}])
def test_text_or_emoji_is_enough(rest: MakeRest, ann: Account, status: dict[str, str]) -> None:
    change(rest(ann), status=BUSY)
    assert change(rest(ann), status=status)["status"] == status
    assert rest(ann).json("GET", "/me")["status"] == status


def test_absent_fields_stay(rest: MakeRest, ann: Account) -> None:
    quiet = ahead(hours=1)
    change(rest(ann), status=BUSY, doNotDisturbUntil=quiet)
    mine = change(rest(ann), displayName="Ann Anew")
    assert (mine["status"], mine["doNotDisturbUntil"]) == (BUSY, quiet)


def test_status_is_hidden_with_the_presence(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    group(ann, ben)
    watcher = connect("ws", ben)
    change(rest(ann), status=BUSY)
    eventually(lambda: latest(watcher, ann) == (BUSY, None), "the status")
    change(rest(ann), lastSeenVisible="nobody")
    eventually(lambda: latest(watcher, ann) == (None, None), "that it is hidden now")
    assert seen(rest(ben), ann) == (None, None)
    assert seen(rest(ann), ann) == (BUSY, None)
    change(rest(ann), status={"text": "secret"})
    own = connect("ws", ann)
    change(rest(ann), displayName="Ann Anew")
    own.next_event(lambda e: e.name == "user_updated" and e.data["displayName"] == "Ann Anew")
    watcher.next_event(lambda e: e.name == "user_updated" and e.data["displayName"] == "Ann Anew")
    assert "secret" not in json.dumps([e.data for e in watcher.events])


def test_blocked_users_see_no_status(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    group(ann, ben, eve)
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    watcher, other = connect("ws", ben), connect("ws", eve)
    change(rest(ann), status={"text": "secret"})
    eventually(lambda: latest(other, ann) == ({"text": "secret"}, None), "the status for somebody else")
    watcher.fence()
    assert latest(watcher, ann) in (None, (None, None))
    assert seen(rest(ben), ann) == (None, None)


def test_client_that_was_away_gets_the_present_status(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    group(ann, ben)
    away, blocked = connect(transport, ben), connect(transport, eve)
    group(ann, eve)
    rest(ann).request("PUT", f"/blocks/{eve.user_id}")
    for client in (away, blocked):
        client.kill()
    change(rest(ann), status={"text": "early"})
    change(rest(ann), status=BUSY)
    for client in (away, blocked):
        client.reconnect()
    eventually(lambda: latest(away, ann) == (BUSY, None), "the status")
    eventually(lambda: latest(blocked, ann) == (None, None), "no status")


def test_status_ends_by_itself(rest: MakeRest, group: MakeGroup, stored: Engine, ann: Account, ben: Account) -> None:
    group(ann, ben)
    change(rest(ann), status={**BUSY, "until": ahead(hours=1)}, doNotDisturbUntil=ahead(hours=1))
    past = "status_until = now() - interval '1 second', do_not_disturb_until = now() - interval '1 second'"
    with stored.begin() as connection:
        connection.execute(text(f"update users set {past} where id = :id"), {"id": ann.user_id})
    assert seen(rest(ben), ann) == (None, None)
    assert "status" not in rest(ann).json("GET", "/me")


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"status": {}}, "status"),
        ({"status": "lunch"}, "status"),
        ({"status": {"text": ""}}, "status.text"),
        ({"status": {"text": "x" * 81}}, "status.text"),
        ({"status": {"text": "\u200b"}}, "status.text"),
        ({"status": {"text": "a\u202eb"}}, "status.text"),
        ({"status": {"text": "a\nb"}}, "status.text"),
        ({"status": {"emoji": "x"}}, "status.emoji"),
        ({"status": {"emoji": "\U0001f334\U0001f334"}}, "status.emoji"),
        ({"status": {"text": "a", "until": "soon, really"}}, "status.until"),
        ({"status": {"text": "a", "until": "2020-01-01T00:00:00Z"}}, "status.until"),
        ({"status": {"text": "a", "until": "9999-12-31T23:59:59-12:00"}}, "status.until"),
        ({"doNotDisturbUntil": "2020-01-01T00:00:00Z"}, "doNotDisturbUntil"),
        ({"doNotDisturbUntil": True}, "doNotDisturbUntil"),
    ],
)
def test_bad_status_is_refused(rest: MakeRest, ann: Account, patch: dict[str, Any], field: str) -> None:
    with refused("invalid") as refusal:
        change(rest(ann), **patch)
    assert field.split(".", maxsplit=1)[0] in str(refusal.value.data)
    assert "status" not in rest(ann).json("GET", "/me")


def test_export_has_it_and_deletion_removes_it(rest: MakeRest, stored: Engine, group: MakeGroup, ann: Account) -> None:
    change(rest(ann), status=BUSY, doNotDisturbUntil=ahead(hours=1))
    first = exported(rest(ann))[0]
    assert (first["statusText"], first["statusEmoji"]) == (BUSY["text"], BUSY["emoji"])
    assert first["doNotDisturbUntil"]
    rest(ann).json("DELETE", "/me", json={"password": ann.password})
    columns = "status_text, status_emoji, status_until, do_not_disturb_until"
    with stored.connect() as connection:
        row = connection.execute(text(f"select {columns} from users where id = :id"), {"id": ann.user_id}).one()
    assert set(row) == {None}
