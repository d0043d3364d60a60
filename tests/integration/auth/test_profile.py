"""One's own profile, and searching for users."""

from __future__ import annotations

import pytest

from app.container import Container
from app.store import users
from app.store.engine import writing
from tests.support.api_client import Api, assert_problem


def test_profile_update_changes_only_the_given_fields(api: Api) -> None:
    account = api.register("profile.one", displayName="First")
    names = {"id": account.id, "username": "profile.one", "displayName": "First"}
    may = {"mayAddMe": "everyone", "mayWriteToMe": "everyone", "hideBlockedMessages": False}
    expected = {**names, "lastSeenVisible": "contacts", **may, "locale": None, "secondFactor": False}
    assert api.get("/api/v1/me", token=account.access).get_json() == expected

    def patch(body: dict[str, object]) -> dict[str, object]:
        answer = api.call("PATCH", "/api/v1/me", token=account.access, json=body)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    answer = patch({"displayName": " Second ", "id": 7, "username": "stolen"})
    assert answer == expected | {"displayName": "Second", "ignored": ["id", "username"]}
    assert patch({}) == expected | {"displayName": "Second"}
    assert patch({"avatarUrl": None}) == expected | {"displayName": "Second"}
    assert api.get("/api/v1/me", token=account.access).get_json() == expected | {"displayName": "Second"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("displayName", ""),
        ("displayName", "   "),
        ("displayName", None),
        ("displayName", "x" * 81),
        ("displayName", "line\nbreak"),
        ("avatarUrl", "http://plain.example/a.png"),
        ("avatarUrl", "javascript:alert(1)"),
        ("avatarUrl", "https://"),
        ("avatarUrl", "https://line.example/\n"),
        ("avatarUrl", "https://" + "x" * 2048),
        ("avatarUrl", 5),
        ("lastSeenVisible", "friends"),
        ("lastSeenVisible", None),
        ("locale", "tlh"),
        ("locale", "de_DE"),
        ("locale", ""),
        ("locale", 5),
    ],
)
def test_invalid_change_names_its_field(api: Api, field: str, value: object) -> None:
    account = api.register()
    answer = api.call("PATCH", "/api/v1/me", token=account.access, json={field: value})
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == field


def test_last_seen_is_shown_once_it_exists(api: Api, parley: Container) -> None:
    account = api.register()
    with writing(parley.engine) as conn:
        users.set_last_seen(conn, [(account.id, 1_790_000_000_123)])
    assert api.get("/api/v1/me", token=account.access).get_json()["lastSeen"] == "2026-09-21T14:13:20.123Z"


def test_users_are_found_by_prefix_of_either_name(api: Api) -> None:
    searcher = api.register("searcher").access
    api.register("findme-a", displayName="Zoë Q")
    api.register("other-b", displayName="FINDME too")
    api.register("notme-findme", displayName="somebody")

    def found(prefix: str) -> list[str]:
        answer = api.get("/api/v1/users", token=searcher, query_string={"q": prefix})
        assert answer.status_code == 200, answer.text
        return [user["username"] for user in answer.get_json()["users"]]

    assert found("FindMe") == ["findme-a", "other-b"]
    assert found("zoë") == ["findme-a"]
    assert found("findme-a") == ["findme-a"]
    assert found("indme") == []
    assert found("%") == found("_") == found("find_e") == []


def test_search_returns_at_most_twenty_users(api: Api) -> None:
    for number in range(22):
        api.register(f"crowd-{number:02}")
    answer = api.get("/api/v1/users?q=crowd-", token=api.register().access).get_json()
    assert [user["username"] for user in answer["users"]] == [f"crowd-{number:02}" for number in range(20)]
    assert set(answer["users"][0]) == {"id", "username", "displayName"}


def test_users_are_returned_by_their_ids(api: Api) -> None:
    one, other = api.register(displayName="Ida"), api.register()
    path = f"/api/v1/users?ids={other.id},{one.id},900719925474099,{one.id}"
    users = api.get(path, token=one.access).get_json()["users"]
    assert [user["id"] for user in users] == [other.id, one.id]
    assert users[1] == {"id": one.id, "username": one.username, "displayName": "Ida"}


@pytest.mark.parametrize("ids", ["", "1,", "1,,2", ",".join(["1"] * 101)])
def test_malformed_ids_are_invalid(api: Api, ids: str) -> None:
    answer = api.get(f"/api/v1/users?ids={ids}", token=api.register().access)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == "ids"


@pytest.mark.parametrize("query", ["", "?q=", "?q=" + "x" * 81, "?q=%00"])
def test_empty_search_is_invalid(api: Api, query: str) -> None:
    answer = api.get(f"/api/v1/users{query}", token=api.register().access)
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == "q"


def test_user_search_needs_a_token(api: Api) -> None:
    assert_problem(api.get("/api/v1/users?q=a"), 401, "unauthorized")
    assert_problem(api.call("PATCH", "/api/v1/me", json={}), 401, "unauthorized")


def test_chosen_language_is_kept_until_it_is_removed(api: Api) -> None:
    account = api.register()

    def patch(locale: str | None) -> object:
        return api.call("PATCH", "/api/v1/me", token=account.access, json={"locale": locale}).get_json()["locale"]

    assert patch("de-at") == "de-AT"
    assert api.get("/api/v1/me", token=account.access).get_json()["locale"] == "de-AT"
    assert patch("pt-BR") == "pt-BR"
    assert patch(None) is None


def test_errors_are_in_the_language_of_the_request_with_the_same_code(api: Api) -> None:
    account = api.register()
    taken = {"username": account.username, "password": "correct horse battery"}
    french = api.call("POST", "/api/v1/auth/register", json=taken, headers={"Accept-Language": "fr-CA, en;q=0.5"})
    assert french.status_code == 409
    assert french.headers["Content-Language"] == "fr"
    assert "Accept-Language" in french.headers["Vary"]
    problem = french.get_json()
    assert (problem["code"], problem["title"]) == ("conflict", "Conflit")
    assert problem["detail"] == "Ce nom d’utilisateur est déjà pris."
    short = {"username": "someone-else", "password": "short"}
    german = api.call("POST", "/api/v1/auth/register", json=short, headers={"Accept-Language": "de"}).get_json()
    assert german["errors"] == [{"field": "password", "message": "muss mindestens 8 Zeichen haben"}]
    english = api.call("POST", "/api/v1/auth/register", json=short, headers={"Accept-Language": "tlh"})
    assert english.headers["Content-Language"] == "en"
    assert english.get_json()["errors"] == [{"field": "password", "message": "must have at least 8 characters"}]
