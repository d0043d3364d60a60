"""Invites: the holder of a code may join while the code is valid."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest, MakeUser
from tests.contract.expect import eventually, is_time, refused
from tests.contract.expect_groups import everyone, history, is_now, is_system, roles
from tests.support.clients import Account, Refused


def test_holder_of_a_code_joins_and_every_member_gets_the_events(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, name="Open")
    invite = rest(ann).invite(made)
    clients = [connect(transport, who) for transport in ALL for who in (ben, eve)]
    preview = rest(eve).json("GET", f"/invites/{invite['code']}")
    assert "Open" in str(preview)
    assert str(ben.username) not in str(preview), "a preview must not reveal members"
    assert rest(eve).join_by(invite["code"])["id"] == made
    for client in clients:
        message = client.next_event(is_system("joined", made)).data
        assert (message["senderId"], message["system"]) == (eve.user_id, {"type": "joined"})
        assert set(roles(client.next_event(is_now(made, memberCount=3)).data)) == everyone(ann, ben, eve)
    assert rest(eve).send(conversation_id=made)["seq"] == 3


def test_invites_are_listed_until_they_are_revoked(
    rest: MakeRest, group: MakeGroup, ann: Account, eve: Account
) -> None:
    made = group(ann)
    first, second = rest(ann).invite(made), rest(ann).invite(made, expiresIn=3600, maxUses=2)
    assert {i["code"] for i in rest(ann).invites(made)} == {first["code"], second["code"]}
    assert is_time(second["expiresAt"])
    rest(ann).revoke(made, first["code"])
    assert [i["code"] for i in rest(ann).invites(made)] == [second["code"]]
    for look in (lambda: rest(eve).join_by(first["code"]), lambda: rest(eve).json("GET", f"/invites/{first['code']}")):
        with refused("not_found"):
            look()


def test_delete_takes_the_code_from_path_query_or_body_and_deletes_all_without_one(
    rest: MakeRest, group: MakeGroup, ann: Account, eve: Account
) -> None:
    made, client = group(ann), rest(ann)
    client.request("POST", f"/conversations/{made}/invites")  # an invite without conditions needs no body
    address = f"/conversations/{made}/invites"
    codes = [client.invite(made)["code"] for _ in range(4)]
    client.request("DELETE", f"{address}/{codes[0]}")
    client.request("DELETE", address, params={"code": codes[1]})
    client.request("DELETE", address, json={"code": codes[2]})
    assert codes[3] in [i["code"] for i in client.invites(made)]
    assert not {*codes[:3]} & {i["code"] for i in client.invites(made)}
    kept = client.invite(other := group(ann))["code"]
    assert client.request("DELETE", address).status_code == 204
    assert client.invites(made) == []
    assert [i["code"] for i in client.invites(other)] == [kept]
    with refused("not_found"):
        rest(eve).join_by(codes[3])
    with refused("not_found"):
        rest(eve).request("DELETE", f"/conversations/{other}/invites")


def test_unknown_code_is_not_found(rest: MakeRest, group: MakeGroup, ann: Account, eve: Account) -> None:
    other = rest(ann).invite(group(ann))["code"]
    with refused("not_found"):
        rest(eve).join_by("no-such-code")
    with refused("not_found"):
        rest(ann).revoke(group(ann), other)
    assert rest(eve).join_by(other)


def test_code_expires(rest: MakeRest, group: MakeGroup, user: MakeUser, ann: Account) -> None:
    made = group(ann)
    code = rest(ann).invite(made, expiresIn=1)["code"]
    late = rest(user())

    def expired() -> bool:
        try:
            late.json("GET", f"/invites/{code}")
        except Refused as refused:
            return refused.code == "not_found"
        return False

    eventually(expired, "the end of the invite", 30)
    with refused("not_found"):
        late.join_by(code)


def test_code_admits_at_most_max_uses_even_concurrently(
    rest: MakeRest, group: MakeGroup, user: MakeUser, ann: Account
) -> None:
    made = group(ann)
    code = rest(ann).invite(made, maxUses=3)["code"]
    clients = [rest(user()) for _ in range(8)]

    def try_join(client: object) -> str:
        try:
            client.join_by(code)  # type: ignore[attr-defined]
        except Refused as refused:
            return refused.code
        return "ok"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(try_join, clients))
    assert sorted(answers) == ["not_found"] * 5 + ["ok"] * 3
    assert rest(ann).conversation(made)["memberCount"] == 4


def test_member_using_a_code_changes_nothing(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account) -> None:
    made = group(ann, ben)
    code = rest(ann).invite(made, maxUses=1)["code"]
    assert rest(ben).join_by(code)["id"] == made
    assert len(history(rest(ann), made)) == 1


@pytest.mark.parametrize("options", [{"expiresIn": 0}, {"expiresIn": "1"}, {"maxUses": 0}, {"maxUses": -1}], ids=str)
def test_invalid_invite_options_are_refused(
    rest: MakeRest, group: MakeGroup, ann: Account, options: dict[str, object]
) -> None:
    with refused("invalid"):
        rest(ann).invite(group(ann), **options)
