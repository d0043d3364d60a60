"""Reports: stored once with the text at that time, handled by administrators, and hidden from everybody else."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.conftest import MakeGroup, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account
from tests.support.commands import flask
from tests.support.processes import Stack


@pytest.fixture
def admin(server: Stack, eve: Account) -> Account:
    result = flask(server.env, "admin", "grant", eve.username.upper())
    assert result.returncode == 0, result.stderr
    return eve


def report(rest: object, message_id: str, reason: str = "spam", **more: object) -> dict[str, object]:
    return rest.json("POST", f"/messages/{message_id}/report", json={"reason": reason, **more})  # type: ignore[attr-defined]


def test_repeated_report_is_stored_once_with_the_original_text(
    rest: MakeRest, ann: Account, ben: Account, admin: Account
) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id, message="buy now")
    first = report(rest(ben), sent["id"], "spam", note="again and again")
    assert report(rest(ben), sent["id"], "other") == first
    rest(ann).edit(sent["id"], "nothing happened")
    rest(ann).delete(sent["id"])
    listed = rest(admin).json("GET", "/admin/reports", params={"cursor": int(str(first["id"])) - 1})["reports"]
    [found] = [r for r in listed if r["id"] == first["id"]]
    assert found["message"] == "buy now"
    assert (found["reporterId"], found["reportedId"], found["state"]) == (ben.user_id, ann.user_id, "open")
    assert (found["reason"], found["note"], found["messageId"]) == ("spam", "again and again", sent["id"])


def test_report_is_reviewed_and_decided_once(rest: MakeRest, ann: Account, ben: Account, admin: Account) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id, message="x")
    path = f"/admin/reports/{report(rest(ben), sent['id'])['id']}"
    judge = rest(admin)
    assert judge.json("PATCH", path, json={"state": "reviewing"})["handledBy"] == admin.user_id
    done = judge.json("PATCH", path, json={"state": "resolved", "resolution": "warned"})
    assert (done["state"], done["resolution"]) == ("resolved", "warned")
    assert judge.json("PATCH", path, json={"state": "resolved"}) == done
    for state in ("open", "reviewing", "dismissed"):
        with refused("conflict"):
            judge.json("PATCH", path, json={"state": state})
    assert done["id"] in [r["id"] for r in pages(judge, "resolved")]
    assert done["id"] not in [r["id"] for r in pages(judge, "open")]
    with refused("invalid"):
        judge.json("PATCH", path, json={"state": "burnt"})
    with refused("not_found"):
        judge.json("PATCH", "/admin/reports/999999999", json={"state": "resolved"})


def pages(rest: object, state: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = rest.json("GET", "/admin/reports", params={"state": state, "limit": 1, "cursor": cursor})  # type: ignore[attr-defined]
        found += page["reports"]
        cursor = page.get("cursor")
    assert [r["id"] for r in found] == sorted(r["id"] for r in found)  # type: ignore[type-var]
    return found


def test_reports_do_not_exist_for_non_administrators(
    rest: MakeRest, server: Stack, ann: Account, ben: Account, admin: Account
) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id)
    path = f"/admin/reports/{report(rest(ben), sent['id'])['id']}"
    assert flask(server.env, "admin", "revoke", admin.username).returncode == 0
    for account in (ann, ben, admin):
        with refused("not_found"):
            rest(account).json("GET", "/admin/reports")
        with refused("not_found"):
            rest(account).json("PATCH", path, json={"state": "resolved"})
    with refused("unauthorized"):
        rest().json("GET", "/admin/reports")
    assert flask(server.env, "admin", "grant", "nobody.of.this.name").returncode == 1


def test_messages_that_cannot_be_reported(
    rest: MakeRest, ann: Account, ben: Account, eve: Account, group: MakeGroup
) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id)
    club = group(ann, ben)
    [made] = rest(ben).history(club)["messages"]
    for account, message_id, code in (
        (ann, sent["id"], "forbidden"),
        (ben, made["id"], "forbidden"),
        (eve, sent["id"], "not_found"),
        (ben, str(uuid.uuid4()), "not_found"),
        (ben, "no-uuid", "not_found"),
    ):
        with refused(code):
            report(rest(account), message_id)
    for body in ({}, {"reason": "boredom"}, {"reason": "spam", "note": "x" * 1001}):
        with refused("invalid"):
            rest(ben).json("POST", f"/messages/{sent['id']}/report", json=body)
    rest(ann).delete(sent["id"])
    with refused("not_found"):
        report(rest(ben), sent["id"])
