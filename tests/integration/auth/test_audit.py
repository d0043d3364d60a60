"""The audit records who did what, on whom, from where and when."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import func, select

from app.container import Container
from app.core.audit import AuditFilter
from app.services.audit import record as recorder
from app.services.audit.record import record
from app.store import audit as store
from app.store.audit import StoredAct
from app.store.engine import reading, writing
from app.store.models import AuditRow
from tests.support.api_client import PASSWORD, Api


def acts_of(parley: Container, user_id: int) -> list[StoredAct]:
    """Returns the user's audit, oldest first."""
    with reading(parley.engine) as conn:
        return store.list_acts(conn, AuditFilter(user_id=user_id), None, 100)[::-1]


def actions_of(parley: Container, user_id: int) -> list[str]:
    return [act.action for act in acts_of(parley, user_id)]


def test_registering_and_signing_in_are_recorded_with_the_address(api: Api, parley: Container) -> None:
    account = api.register("audited")
    api.log_in("audited")
    created, signed_in = acts_of(parley, account.id)
    assert (created.action, signed_in.action) == ("account.created", "sign_in")
    assert created.actor_id == created.target_id == account.id
    assert signed_in.address == "127.0.0.1"
    assert signed_in.details is not None
    assert set(signed_in.details) == {"sessionId"}


def test_failures_of_an_hour_are_one_row(api: Api, parley: Container) -> None:
    account = api.register("guessed")
    for _ in range(5):
        api.post("/api/v1/auth/login", {"username": "guessed", "password": "wrong horse"})
    failed = [act for act in acts_of(parley, account.id) if act.action == "sign_in.failed"]
    assert sum(act.count for act in failed) == 5
    assert len(failed) <= 2  # two if the hour changes during the test
    assert all(act.actor_id is None for act in failed)


def test_names_that_do_not_exist_share_a_row_and_are_not_kept(api: Api, parley: Container) -> None:
    def unknown() -> tuple[int, int]:
        is_unknown = AuditRow.action == "sign_in.failed", AuditRow.target_id.is_(None)
        with reading(parley.engine) as conn:
            rows, count = conn.execute(
                select(func.count(), func.coalesce(func.sum(AuditRow.count), 0)).where(*is_unknown)
            ).one()
        return rows, count

    rows, count = unknown()
    for number in range(6):
        api.post("/api/v1/auth/login", {"username": f"nobody-{number}", "password": "wrong horse"})
    rows_after, count_after = unknown()
    assert count_after - count == 6
    assert rows_after - rows <= 2
    with reading(parley.engine) as conn:
        stored = conn.execute(select(AuditRow.details, AuditRow.key)).all()
    assert "nobody-" not in str(stored)


def test_a_flood_from_many_networks_is_bounded(parley: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    with reading(parley.engine) as conn:
        present = store.counted_rows(conn, 0, 1000)
    monkeypatch.setattr(recorder, "MAX_COUNTED_ROWS", present + 3)
    for number in range(10):
        monkeypatch.setattr(recorder, "current_address", lambda number=number: f"2001:db8:{number}::1")
        with writing(parley.engine) as conn:
            record(conn, "totp.failed", target_id=900_000_001)
    with reading(parley.engine) as conn:
        rows = conn.execute(select(AuditRow.count).where(AuditRow.action == "totp.failed")).scalars().all()
    assert len(rows) <= 5
    assert sum(rows) == 10


def test_simultaneous_failures_are_all_counted(parley: Container) -> None:
    def fail() -> None:
        with writing(parley.engine) as conn:
            record(conn, "password.failed", target_id=900_000_002)

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(act.count for act in acts_of(parley, 900_000_002)) == 8


def test_an_act_that_is_rolled_back_leaves_no_record(parley: Container) -> None:
    with writing(parley.engine) as conn:
        record(conn, "user.suspended", target_id=900_000_003)
        conn.rollback()
    assert acts_of(parley, 900_000_003) == []


def test_a_refresh_token_used_twice_is_recorded(api: Api, parley: Container) -> None:
    account = api.register("twice")
    for _ in range(2):
        api.post("/api/v1/auth/refresh", token=account.refresh)
    assert actions_of(parley, account.id) == ["account.created", "token.reused"]


def test_ends_of_sign_ins_are_recorded_once(api: Api, parley: Container) -> None:
    account = api.register("ender")
    other = api.log_in("ender")
    sid = next(
        row["id"]
        for row in api.get("/api/v1/auth/sessions", token=account.access).get_json()["sessions"]
        if not row["current"]
    )
    for _ in range(2):
        api.call("DELETE", f"/api/v1/auth/sessions/{sid}", token=account.access)
    api.log_in("ender")
    api.post("/api/v1/auth/sessions/end-others", token=account.access)
    api.post("/api/v1/auth/sessions/end-others", token=account.access)
    api.post("/api/v1/auth/logout", token=account.access)
    assert other.id == account.id
    acts = acts_of(parley, account.id)
    assert [act.action for act in acts] == [
        "account.created",
        "sign_in",
        "session.ended",
        "sign_in",
        "session.ended",
        "session.ended",
    ]
    assert acts[-1].details is not None
    assert acts[-1].details["reason"] == "logged out"


def test_changes_of_the_password_are_recorded(api: Api, parley: Container) -> None:
    account = api.register("changer")
    wrong = {"current": "not this one", "new": "another horse battery"}
    api.post("/api/v1/auth/password", wrong, token=account.access)
    api.post("/api/v1/auth/password", wrong | {"current": PASSWORD}, token=account.access)
    assert actions_of(parley, account.id) == ["account.created", "password.failed", "password.changed"]


def test_making_an_administrator_is_recorded(api: Api, parley: Container) -> None:
    account = api.register("promoted")
    for command in ("grant", "revoke"):
        assert api.app.test_cli_runner().invoke(args=["admin", command, "promoted"]).exit_code == 0
    assert actions_of(parley, account.id) == ["account.created", "admin.granted", "admin.revoked"]
    assert acts_of(parley, account.id)[-1].actor_id is None


def test_old_rows_are_forgotten(parley: Container) -> None:
    with writing(parley.engine) as conn:
        record(conn, "email.changed", target_id=900_000_004)
        record(conn, "email.verified", target_id=900_000_004)
        conn.execute(
            AuditRow.__table__.update()
            .where(AuditRow.action == "email.changed")
            .values(at=func.now() - func.make_interval(0, 0, 0, 91))
        )
        # The oldest id may be young; the sweep looks at the first ids only.
        store.forget_old(conn, days=90)
    assert actions_of(parley, 900_000_004) == ["email.verified"]


def test_command_lists_the_acts_of_a_user(api: Api) -> None:
    account = api.register("listed")
    api.log_in("listed")
    run = api.app.test_cli_runner().invoke
    shown = run(args=["audit", "--user", "listed"]).output.splitlines()
    assert [line.split("  ")[1] for line in shown] == ["sign_in", "account.created"]
    assert f"actor={account.id}" in shown[0]
    assert "from=127.0.0.1" in shown[0]
    as_json = run(args=["audit", "--user", "LISTED", "--action", "sign_in", "--json"]).output.splitlines()
    assert [json.loads(line)["action"] for line in as_json] == ["sign_in"]
    assert run(args=["audit", "--user", "listed", "--since", "2999-01-01"]).output == ""
    assert len(run(args=["audit", "--limit", "1"]).output.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--user", "no-such-user"], ["--since", "x"], ["--action", "x"]])
def test_command_refuses_bad_filters(api: Api, arguments: list[str]) -> None:
    assert api.app.test_cli_runner().invoke(args=["audit", *arguments]).exit_code != 0


def test_command_suspends_and_unsuspends(api: Api, parley: Container) -> None:
    account = api.register("suspended-by-command")
    run = api.app.test_cli_runner().invoke
    assert run(args=["users", "suspend", account.username, "--reason", "spam", "--until", "2999-01-01"]).exit_code == 0
    answer = api.get("/api/v1/me", token=account.access)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (403, "suspended")
    assert run(args=["users", "unsuspend", account.username]).exit_code == 0
    assert api.get("/api/v1/me", token=account.access).status_code == 200
    for bad in (["no-such-user"], [account.username, "--until", "x"]):
        assert run(args=["users", "suspend", *bad]).exit_code == 1
    assert actions_of(parley, account.id) == ["account.created", "user.suspended", "user.unsuspended"]
