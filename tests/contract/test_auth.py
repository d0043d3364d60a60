"""Register, log in, refresh, log out, tickets (docs/protocol.md, section 2)."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Connect, MakeRest, MakeUser
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, HandshakeRefused, Refused, WsClient
from tests.support.processes import Stack


def test_register_returns_the_user_and_both_tokens(rest: MakeRest) -> None:
    response = rest().request(
        "POST",
        "/auth/register",
        json={"username": "Grace.Hopper", "password": "compilers!", "displayName": "Grace"},
    )
    body = response.json()
    assert response.status_code == 201
    assert set(body) >= {"user", "accessToken", "refreshToken"}
    assert body["user"]["username"] == "grace.hopper"
    assert body["user"]["displayName"] == "Grace"
    assert isinstance(body["user"]["id"], int)
    assert "password" not in response.text.lower()


def test_usernames_are_unique_regardless_of_case(rest: MakeRest, ann: Account) -> None:
    with refused("conflict") as caught:
        rest().register(ann.username.upper(), "another password")
    assert caught.value.status == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "nopassword"},
        {"username": "ab", "password": "long enough"},
        {"username": "a" * 33, "password": "long enough"},
        {"username": "with space", "password": "long enough"},
        {"username": "fine", "password": "short"},
        {"username": "fine", "password": 12345678},
        {"username": None, "password": "long enough"},
        {"username": "nul\x00byte", "password": "long enough"},
    ],
)
def test_invalid_registration_names_the_field(rest: MakeRest, body: dict[str, object]) -> None:
    with refused("invalid") as caught:
        rest().json("POST", "/auth/register", json=body, token="")
    assert caught.value.status == 422
    assert all({"field", "message"} <= set(error) for error in caught.value.data["errors"])
    assert caught.value.data["errors"]


def test_login_returns_working_tokens(rest: MakeRest, ann: Account) -> None:
    body = rest().login(ann.username, ann.password)
    assert body["user"]["id"] == ann.user_id
    assert rest().json("GET", "/me", token=body["accessToken"])["id"] == ann.user_id


@pytest.mark.parametrize("wrong", ["password", "name"])
def test_failed_login_does_not_reveal_which_part_was_wrong(rest: MakeRest, ann: Account, wrong: str) -> None:
    name = ann.username if wrong == "password" else "nobody-of-this-name"
    with refused("unauthorized") as caught:
        rest().login(name, "not the password")
    assert caught.value.status == 401
    assert caught.value.data["detail"] == _detail_of_unknown_user(rest)


def _detail_of_unknown_user(rest: MakeRest) -> str:
    with pytest.raises(Refused) as caught:
        rest().login("someone-else-unknown", "x" * 12)
    return str(caught.value.data["detail"])


def test_refresh_token_works_once(rest: MakeRest, ann: Account) -> None:
    fresh = rest().refresh(ann.refresh_token)
    assert rest().json("GET", "/me", token=fresh["accessToken"])["id"] == ann.user_id
    assert fresh["refreshToken"] != ann.refresh_token


def test_reused_refresh_token_revokes_its_family(rest: MakeRest, ann: Account) -> None:
    fresh = rest().refresh(ann.refresh_token)
    with refused("unauthorized"):
        rest().refresh(ann.refresh_token)
    with refused("unauthorized"):
        rest().refresh(fresh["refreshToken"])
    with refused("unauthorized"):
        rest().json("GET", "/me", token=fresh["accessToken"])


def test_reuse_does_not_affect_other_logins_of_the_user(rest: MakeRest, ann: Account) -> None:
    other = rest().login(ann.username, ann.password)
    rest().refresh(ann.refresh_token)
    with refused("unauthorized"):
        rest().refresh(ann.refresh_token)
    assert rest().json("GET", "/me", token=other["accessToken"])["id"] == ann.user_id


def test_reuse_closes_open_connections_of_the_family(rest: MakeRest, connect: Connect, ann: Account) -> None:
    client = connect("ws", ann)
    rest().refresh(ann.refresh_token)
    with refused("unauthorized"):
        rest().refresh(ann.refresh_token)
    assert client.wait_closed() == 4401


def test_access_and_refresh_tokens_are_not_interchangeable(rest: MakeRest, ann: Account) -> None:
    with refused("unauthorized"):
        rest().refresh(ann.access_token)
    with refused("unauthorized"):
        rest().json("GET", "/me", token=ann.refresh_token)


def test_logout_revokes_tokens_and_closes_open_connections(
    rest: MakeRest, connect: Connect, ann: Account, transport: str
) -> None:
    client = connect(transport, ann)
    assert rest(ann).request("POST", "/auth/logout").status_code == 204
    code = client.wait_closed(30)
    if transport == "ws":
        assert code == 4401
    with refused("unauthorized"):
        rest().json("GET", "/me", token=ann.access_token)
    with refused("unauthorized"):
        rest().refresh(ann.refresh_token)


def test_logout_sends_the_reason_before_closing_a_websocket(rest: MakeRest, connect: Connect, ann: Account) -> None:
    client = connect("ws", ann)
    rest(ann).logout()
    client.wait_closed()
    assert client.next_event("error").data["code"] == "unauthorized"


def test_logout_on_one_gateway_takes_effect_on_the_other(server: Stack, rest: MakeRest, ann: Account) -> None:
    from tests.support.clients import RestClient

    second = RestClient(server.base_urls[1], ann.access_token)
    try:
        assert second.json("GET", "/me")["id"] == ann.user_id
        rest(ann).logout()
        eventually(lambda: _is_refused(second), "the other gateway refuses", 30)
    finally:
        second.close()


def _is_refused(client: object) -> bool:
    try:
        client.json("GET", "/me")  # type: ignore[attr-defined]
    except Refused as error:
        return error.code == "unauthorized"
    return False


def test_logout_leaves_the_other_device_connected(rest: MakeRest, connect: Connect, ann: Account) -> None:
    other = rest().login(ann.username, ann.password)
    second = Account(ann.user_id, ann.username, ann.password, other["accessToken"], other["refreshToken"])
    client = connect("ws", second)
    rest(ann).logout()
    client.fence()
    client.ping()
    assert not client.ended


# -- how a WebSocket authenticates --------------------


@pytest.mark.parametrize("credential", ["header", "ticket", "token"])
def test_websocket_authenticates_by_header_ticket_or_join_token(
    connect: Connect, ann: Account, credential: str
) -> None:
    assert connect("ws", ann, credential=credential).joined.data["userId"] == ann.user_id


def test_ticket_opens_an_event_stream(connect: Connect, ann: Account) -> None:
    assert connect("sse", ann, credential="ticket").joined.data["userId"] == ann.user_id


def test_ticket_states_its_lifetime(rest: MakeRest, ann: Account) -> None:
    response = rest(ann).request("POST", "/auth/ticket")
    assert response.status_code == 201
    assert response.json()["expiresIn"] == 30


def test_ticket_works_once(rest: MakeRest, raw: Connect, ann: Account) -> None:
    ticket = rest(ann).ticket()
    raw(ann, credential="none", query=f"?ticket={ticket}")
    with pytest.raises(HandshakeRefused) as caught:
        raw(ann, credential="none", query=f"?ticket={ticket}")
    assert caught.value.status == 401


def test_invented_ticket_or_token_as_ticket_is_refused(raw: Connect, ann: Account) -> None:
    for query in ("?ticket=made-up", f"?ticket={ann.access_token}"):
        with pytest.raises(HandshakeRefused) as caught:
            raw(ann, credential="none", query=query)
        assert caught.value.status == 401


def test_token_in_the_url_is_ignored(raw: Connect, ann: Account) -> None:
    client: WsClient = raw(ann, credential="none", query=f"?token={ann.access_token}")
    with refused("unauthorized"):
        client.command("join", {})
    assert client.command("join", {"token": ann.access_token}).name == "joined"


def test_bad_token_in_the_header_is_refused_before_the_upgrade(raw: Connect, ann: Account) -> None:
    with pytest.raises(HandshakeRefused) as caught:
        raw(ann, credential="none", headers={"Authorization": "Bearer not.a.token"})
    assert caught.value.status == 401


def test_bad_token_in_the_join_closes_with_4401(raw: Connect, ann: Account) -> None:
    client: WsClient = raw(ann, credential="none")
    with refused("unauthorized"):
        client.command("join", {"token": "not.a.token"})
    assert client.wait_closed() == 4401


def test_refresh_token_cannot_join(raw: Connect, ann: Account) -> None:
    client: WsClient = raw(ann, credential="none")
    with refused("unauthorized"):
        client.command("join", {"token": ann.refresh_token})
    assert client.wait_closed() == 4401


def test_profile_can_be_read_changed_and_found(rest: MakeRest, user: MakeUser) -> None:
    account = user()
    mine = rest(account)
    assert mine.json("GET", "/me")["username"] == account.username
    assert mine.json("PATCH", "/me", json={"displayName": "Zoë of Contract"})["displayName"] == "Zoë of Contract"
    found = mine.json("GET", "/users", params={"q": account.username[:12]})["users"]
    assert account.user_id in [entry["id"] for entry in found]
    assert account.user_id in [u["id"] for u in mine.json("GET", "/users", params={"q": "zoë of"})["users"]]
    assert mine.json("GET", "/users", params={"q": "%"})["users"] == []
