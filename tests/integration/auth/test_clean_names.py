"""``flask clean-names`` gives names from before the rule the form that they would get today."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app.container import Container
from app.services.accounts import clean_names as service
from app.store import stored_names as store
from app.store.models import Conversation, Media, User
from tests.support.api_client import Api

NOTHING = "\u200b\u2800\u3164"
# The stored name and the cleaned one.
USERS = [
    ("Pay\u202emaet", "Paymaet"),
    ("a\nb\u00ad", "a b"),
    (NOTHING, "the username"),
    ("  Zoë\u0300 ", "Zoë\u0300"),
    ("Ann", "Ann"),
]
GROUPS = [("Team\u2067 A", "Team A"), (NOTHING, None), ("👩\u200d🚒 \x1b[1m", "👩\u200d🚒 [1m")]
FILES = [("a\u202etxt.exe", "atxt.exe"), ("b\nc.txt", "b c.txt"), ("\u200b", None), ("plain.txt", "plain.txt")]


@pytest.fixture
def stored(api: Api, parley: Container) -> dict[str, list[Any]]:
    """Accounts, and the ids of users, groups and files with the old names."""
    accounts = [api.register() for _ in USERS]
    users = [account.id for account in accounts]
    with parley.engine.begin() as conn:
        for user, (old, _) in zip(users, USERS, strict=True):
            conn.execute(update(User).where(User.id == user).values(display_name=old, changed_at=None))
        groups = [
            conn.execute(
                text("INSERT INTO conversations (kind, name) VALUES ('group', :name) RETURNING id"), {"name": old}
            ).scalar()
            for old, _ in GROUPS
        ]
        files = [uuid.uuid4() for _ in FILES]
        add = text("""
            INSERT INTO media (id, conversation_id, user_id, state, storage, filename)
            VALUES (:id, :group, :user, 'ready', 'local', :name)
        """)
        rows = [
            {"id": file, "group": groups[0], "user": users[0], "name": old}
            for file, (old, _) in zip(files, FILES, strict=True)
        ]
        conn.execute(add, rows)
    return {"accounts": accounts, "users": users, "groups": groups, "files": files}


def names(parley: Container, column: Any, ids: list[Any]) -> list[str | None]:
    with parley.engine.connect() as conn:
        rows = conn.execute(select(column.class_.id, column).where(column.class_.id.in_(ids)))
        found: dict[Any, str | None] = {row[0]: row[1] for row in rows}
    return [found[id_] for id_ in ids]


def test_old_names_are_cleaned_once(
    api: Api,
    parley: Container,
    stored: dict[str, list[Any]],
    enqueued: list[tuple[str, tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 2)  # several pages
    runner = api.app.test_cli_runner(catch_exceptions=False)
    assert runner.invoke(args=["clean-names"]).output == "Cleaned names: 4 of users, 3 of groups, 3 of files.\n"
    assert names(parley, User.display_name, stored["users"]) == [
        account.username if new == "the username" else new
        for account, (_, new) in zip(stored["accounts"], USERS, strict=True)
    ]
    assert names(parley, Conversation.name, stored["groups"]) == [new for _, new in GROUPS]
    assert names(parley, Media.filename, stored["files"]) == [new for _, new in FILES]
    announced = [arguments for name, arguments in enqueued if name.startswith("tasks.") and "mail" not in name]
    assert announced == [(user,) for user in stored["users"][:4]], "open pages get the new names"
    found = api.get("/api/v1/users?q=paym", token=stored["accounts"][0].access).get_json()["users"]
    assert [user["displayName"] for user in found] == ["Paymaet"], "people find the new name"
    assert runner.invoke(args=["clean-names"]).output == "Cleaned names: 0 of users, 0 of groups, 0 of files.\n"


def test_name_that_changes_during_the_cleaning_is_kept(
    parley: Container, stored: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = stored["users"][0]
    replace = store.replace_user_name

    def late(conn: Any, was: Any, name: str) -> bool:
        if was.id == user:
            with parley.engine.begin() as other:
                other.execute(update(User).where(User.id == user).values(display_name="Chosen now"))
        return replace(conn, was, name)

    monkeypatch.setattr(store, "replace_user_name", late)
    service.clean_names(engine=parley.engine, redis=parley.redis)
    assert names(parley, User.display_name, [user]) == ["Chosen now"]
