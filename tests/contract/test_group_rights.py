"""The rights in a group, as one table. Non-members get ``not_found`` for every act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.contract.expect_groups import history, roles
from tests.support.clients import Account, Refused, RestClient, WsClient, register
from tests.support.processes import Stack

TABLE = """
act                   owner      admin      member
send                  ok         ok         ok
forward into          ok         ok         ok
read the history      ok         ok         ok
see the group         ok         ok         ok
see the members       ok         ok         ok
see the pins          ok         ok         ok
search in it          ok         ok         ok
fetch unread          ok         ok         ok
mark delivered        ok         ok         ok
mark read             ok         ok         ok
type                  ok         ok         ok
mute                  ok         ok         ok
archive               ok         ok         ok
keep on top           ok         ok         ok
react                 ok         ok         ok
take back a reaction  ok         ok         ok
edit one's own        ok         ok         ok
edit another's        forbidden  forbidden  forbidden
delete one's own      ok         ok         ok
delete another's      ok         ok         forbidden
delete for oneself    ok         ok         ok
receipts of one's own ok         ok         ok
edits of one's own    ok         ok         ok
edits of another's    ok         ok         forbidden
pin                   ok         ok         forbidden
unpin                 ok         ok         forbidden
rename                ok         ok         forbidden
add                   ok         ok         forbidden
remove a member       ok         ok         forbidden
remove an admin       ok         forbidden  forbidden
remove an owner       ok         forbidden  forbidden
make an admin         ok         forbidden  forbidden
make an owner         ok         forbidden  forbidden
demote an admin       ok         forbidden  forbidden
demote an owner       ok         forbidden  forbidden
invite                ok         ok         forbidden
see the invites       ok         ok         forbidden
revoke an invite      ok         ok         forbidden
leave                 ok         ok         ok
"""
MEMBERS = {
    "keeper": "owner",
    "owner": "owner",
    "admin": "admin",
    "member": "member",
    "an owner": "owner",
    "an admin": "admin",
    "a member": "member",
}
OUTSIDERS = ("left", "removed", "outsider")


@dataclass
class World:
    """One group for the whole table. ``restore`` resets its members and their roles."""

    stack: Stack
    accounts: dict[str, Account] = field(default_factory=dict)
    clients: dict[str, RestClient] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    group: int = 0

    def begin(self) -> None:
        for name in (*MEMBERS, *OUTSIDERS, "somebody"):
            self.accounts[name] = register(self.stack.base_url)
            self.clients[name] = RestClient(self.stack.base_url, self.accounts[name].access_token)
        there = [self.id(name) for name in (*MEMBERS, "left", "removed") if name != "keeper"]
        self.group = self.keeper.group("World", there)["id"]
        for name in (*MEMBERS, "left", "removed"):
            self.own[name] = self.clients[name].send(conversation_id=self.group, message=f"by {name}")["id"]
        self.own["outsider"] = self.own["keeper"]
        self.clients["left"].leave(self.group)
        self.keeper.remove(self.group, self.id("removed"))

    @property
    def keeper(self) -> RestClient:
        return self.clients["keeper"]

    def id(self, name: str) -> int:
        return self.accounts[name].user_id

    def restore(self) -> None:
        now = roles(self.keeper.conversation(self.group))
        wanted = {self.id(name): role for name, role in MEMBERS.items()}
        for extra in now.keys() - wanted.keys():
            self.keeper.remove(self.group, extra)
        for missing in wanted.keys() - now.keys():
            self.keeper.add(self.group, missing)
            self.accept(missing)
            now[missing] = "member"
        for user, role in wanted.items():
            if now[user] != role:
                self.keeper.give_role(self.group, user, role)

    def accept(self, user_id: int) -> None:
        """Accepts the request that adding a member who has left makes."""
        [mine] = [self.clients[name] for name, account in self.accounts.items() if account.user_id == user_id]
        for request in mine.json("GET", "/requests")["requests"]:
            mine.json("POST", f"/requests/{request['conversationId']}/accept")

    def fresh(self, by: str, text: str = "fresh") -> str:
        """Sends a new message of a member. If the sender has left, the message is from their time in the group."""
        if by not in MEMBERS:
            return self.own[by]
        return str(self.clients[by].send(conversation_id=self.group, message=text)["id"])

    def state(self) -> Any:
        return self.keeper.conversation(self.group), history(self.keeper, self.group)

    def close(self) -> None:
        for client in self.clients.values():
            client.close()


@pytest.fixture(scope="module")
def prepared(server: Stack) -> Iterator[World]:
    made = World(server)
    made.begin()
    yield made
    made.close()


@pytest.fixture
def world(prepared: World) -> World:
    prepared.restore()
    return prepared


Act = Callable[[RestClient], Any]


def on_fresh(by: str | None, act: Callable[[RestClient, str, int], Any], text: str = "fresh") -> Any:
    """An act on a new message of ``by``, or of the actor if ``by`` is None."""

    def prepare(world: World, actor: str) -> Act:
        id_ = world.fresh(by or actor, text)
        return lambda rest: act(rest, id_, world.group)

    return prepare


def in_group(act: Callable[[RestClient, int], Any]) -> Any:
    return lambda world, actor: lambda rest: act(rest, world.group)


def to(name: str, act: Callable[[RestClient, int, int], Any]) -> Any:
    return lambda world, actor: lambda rest: act(rest, world.group, world.id(name))


def pinned(world: World, actor: str) -> Act:
    id_ = world.fresh("keeper")
    world.keeper.pin(id_, world.group)
    return lambda rest: rest.pin(id_, world.group, on=False)


def reacted(world: World, actor: str) -> Act:
    id_ = world.fresh("keeper")
    if actor in MEMBERS:
        world.clients[actor].react(id_, "👍", world.group)
    return lambda rest: rest.react(id_, "👍", world.group, on=False)


def invited(world: World, actor: str) -> Act:
    code = world.keeper.invite(world.group)["code"]
    return lambda rest: rest.revoke(world.group, code)


def forwarded(world: World, actor: str) -> Act:
    note = world.clients[actor].send(receiver_id=world.id(actor), message="a note")
    forward = {"id": note["id"], "conversationId": note["conversationId"]}
    return lambda rest: rest.send(conversation_id=world.group, message=None, forward=forward)


ACTS: dict[str, Callable[[World, str], Act]] = {
    "send": in_group(lambda r, g: r.send(conversation_id=g)),
    "forward into": forwarded,
    "read the history": in_group(lambda r, g: r.history(g)),
    "see the group": in_group(lambda r, g: r.conversation(g)),
    "see the members": in_group(lambda r, g: r.members(g)),
    "see the pins": in_group(lambda r, g: r.pins(g)),
    "search in it": in_group(lambda r, g: r.search("fresh", conversationId=g)),
    "fetch unread": in_group(lambda r, g: r.fetch_unread(conversation_id=g)),
    "mark delivered": in_group(lambda r, g: r.delivered(g, 1)),
    "mark read": in_group(lambda r, g: r.read(g, 1)),
    "type": in_group(lambda r, g: r.typing(typing=True, conversation_id=g)),
    "mute": in_group(lambda r, g: r.mute(g, "2100-01-01T00:00:00.000Z")),
    "archive": in_group(lambda r, g: r.archive(g)),
    "keep on top": in_group(lambda r, g: r.keep_on_top(g)),
    "react": on_fresh("keeper", lambda r, m, g: r.react(m, "👍", g)),
    "take back a reaction": reacted,
    "edit one's own": on_fresh(None, lambda r, m, g: r.edit(m, "edited", g)),
    "edit another's": on_fresh("a member", lambda r, m, g: r.edit(m, "edited", g)),
    "delete one's own": on_fresh(None, lambda r, m, g: r.delete(m, g)),
    "delete another's": on_fresh("an owner", lambda r, m, g: r.delete(m, g)),
    "delete for oneself": on_fresh("keeper", lambda r, m, g: r.delete(m, g, scope="me")),
    "receipts of one's own": on_fresh(None, lambda r, m, g: r.receipts(m, g)),
    "edits of one's own": on_fresh(None, lambda r, m, g: r.edits(m, g)),
    "edits of another's": on_fresh("a member", lambda r, m, g: r.edits(m, g)),
    "pin": on_fresh("keeper", lambda r, m, g: r.pin(m, g)),
    "unpin": pinned,
    "rename": lambda world, actor: lambda rest: rest.change(world.group, name=f"Of {actor}"),
    "add": to("somebody", lambda r, g, u: r.add(g, u)),
    "remove a member": to("a member", lambda r, g, u: r.remove(g, u)),
    "remove an admin": to("an admin", lambda r, g, u: r.remove(g, u)),
    "remove an owner": to("an owner", lambda r, g, u: r.remove(g, u)),
    "make an admin": to("a member", lambda r, g, u: r.give_role(g, u, "admin")),
    "make an owner": to("a member", lambda r, g, u: r.give_role(g, u, "owner")),
    "demote an admin": to("an admin", lambda r, g, u: r.give_role(g, u, "member")),
    "demote an owner": to("an owner", lambda r, g, u: r.give_role(g, u, "member")),
    "invite": in_group(lambda r, g: r.invite(g)),
    "see the invites": in_group(lambda r, g: r.invites(g)),
    "revoke an invite": invited,
    "leave": in_group(lambda r, g: r.leave(g)),
}


def table() -> dict[str, dict[str, str]]:
    _, *lines = TABLE.strip().splitlines()
    cells = [(line[:22].strip(), *line[22:].split()) for line in lines]
    return {act: dict(zip(("owner", "admin", "member"), rights, strict=True)) for act, *rights in cells}


RIGHTS = [(act, who, rights[who]) for act, rights in table().items() for who in ("owner", "admin", "member")] + [
    (act, who, "not_found") for act in table() for who in OUTSIDERS
]
STATUS = {"forbidden": 403, "not_found": 404}


def test_table_covers_every_act() -> None:
    assert set(table()) == set(ACTS)


@pytest.mark.parametrize(("act", "who", "expected"), RIGHTS, ids=lambda value: value.replace(" ", "_"))
def test_role_is_allowed_or_refused_as_the_table_says(world: World, act: str, who: str, expected: str) -> None:
    do = ACTS[act](world, who)
    if expected == "ok":
        do(world.clients[who])
        return
    before = world.state()
    with pytest.raises(Refused) as caught:
        do(world.clients[who])
    assert (caught.value.status, caught.value.code) == (STATUS[expected], expected)
    assert world.state() == before, "a refused act must change nothing"


def outcome(act: Callable[[], Any]) -> str:
    try:
        act()
    except Refused as refused:
        return refused.code
    return "ok"


FRAMES: dict[str, Callable[[WsClient, str, int], Any]] = {
    "edit another's": lambda w, m, g: w.edit(m, "edited", g),
    "delete another's": lambda w, m, g: w.delete(m, g),
    "react": lambda w, m, g: w.react(m, "👍", g),
    "pin": lambda w, m, g: w.pin(m, g),
}


@pytest.mark.parametrize("act", FRAMES)
def test_frames_have_the_same_rights_as_rest(world: World, server: Stack, act: str) -> None:
    for who in ("owner", "admin", "member", *OUTSIDERS):
        client = WsClient(server.base_url, world.accounts[who]).join()
        id_ = world.fresh("a member")
        answer = outcome(lambda c=client, m=id_: FRAMES[act](c, m, world.group))
        client.finish()
        assert (who, answer) == (who, table()[act].get(who, "not_found"))


def test_non_member_cannot_tell_a_group_from_a_missing_one(world: World) -> None:
    def error_without_ids(group: int) -> Any:
        with pytest.raises(Refused) as caught:
            world.clients["outsider"].add(group, world.id("outsider"))
        return caught.value.status, caught.value.code, caught.value.data.get("detail")

    assert error_without_ids(world.group) == error_without_ids(2**40)


def test_anybody_may_join_by_invite(world: World) -> None:
    code = world.keeper.invite(world.group)["code"]
    assert world.clients["somebody"].join_by(code)["id"] == world.group
    assert roles(world.keeper.conversation(world.group))[world.id("somebody")] == "member"
