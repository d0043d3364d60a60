"""Simultaneous changes of one group on two gateways do not lose each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest, MakeUser
from tests.contract.expect_groups import everyone, history, roles
from tests.support.clients import Account, Refused, RestClient
from tests.support.processes import Stack


@pytest.fixture
def everywhere(server: Stack, opened: list[Any]) -> Callable[[Account], RestClient]:
    """Returns REST clients of that user, on the gateways in turn."""
    gateways: Iterator[str] = itertools.cycle(server.base_urls)

    def make(account: Account) -> RestClient:
        opened.append(RestClient(next(gateways), account.access_token))
        return opened[-1]

    return make


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Runs the acts together and returns their answers, or the code of a refusal."""

    def run(act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_simultaneous_additions_roles_and_names_all_take_effect(
    connect: Connect, everywhere: Any, rest: MakeRest, group: MakeGroup, user: MakeUser, ann: Account
) -> None:
    there, new = [user() for _ in range(4)], [user() for _ in range(6)]
    made = group(ann, *there)
    clients = [connect(transport, there[0]) for transport in ALL]
    acts: list[Callable[[], Any]] = []
    acts += [lambda w=who: everywhere(ann).add(made, w.user_id) for who in new]
    acts += [lambda w=who: everywhere(ann).give_role(made, w.user_id, "admin") for who in there[1:3]]
    acts += [lambda: everywhere(ann).remove(made, there[3].user_id)]
    acts += [lambda: everywhere(ann).change(made, name="New"), lambda: everywhere(ann).change(made, description="D")]
    answers = at_once(acts)
    assert all(isinstance(answer, dict) for answer in answers), answers
    expected = {who.user_id: "member" for who in (there[0], *new)}
    expected |= {who.user_id: "admin" for who in there[1:3]} | {ann.user_id: "owner"}
    now = rest(ann).conversation(made)
    assert roles(now) == expected
    assert (now["name"], now["description"], now["memberCount"]) == ("New", "D", 10)
    assert [m["seq"] for m in history(rest(ann), made)] == list(range(1, len(acts) + 2)), "each is announced once"
    for client in clients:
        client.fence()
        last = [e.data for e in client.named("conversation_updated") if e.data["id"] == made][-1]
        assert (roles(last), last["name"], last["description"]) == (expected, "New", "D")


def test_last_two_owners_cannot_both_leave(everywhere: Any, rest: MakeRest, group: MakeGroup, user: MakeUser) -> None:
    for _ in range(5):
        first, second, member = user(), user(), user()
        made = group(first, second, member)
        rest(first).give_role(made, second.user_id, "owner")
        answers = at_once([lambda w=who, g=made: everywhere(w).leave(g) for who in (first, second)])
        assert sorted(answers, key=str) == sorted([None, "conflict"], key=str)
        assert list(roles(rest(member).conversation(made)).values()).count("owner") == 1


def test_two_owners_demote_each_other(everywhere: Any, rest: MakeRest, group: MakeGroup, user: MakeUser) -> None:
    for _ in range(5):
        first, second = user(), user()
        made = group(first, second)
        rest(first).give_role(made, second.user_id, "owner")
        at_once(
            [
                lambda g=made, a=first, b=second: everywhere(a).give_role(g, b.user_id, "member"),
                lambda g=made, a=first, b=second: everywhere(b).give_role(g, a.user_id, "member"),
            ]
        )
        assert "owner" in roles(rest(first).conversation(made)).values()


def test_same_addition_made_twice_takes_effect_once(
    everywhere: Any, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben)
    at_once([lambda: everywhere(ann).add(made, eve.user_id) for _ in range(8)])
    assert [m["system"]["type"] for m in history(rest(ann), made)] == ["created", "added"]
    assert set(roles(rest(ann).conversation(made))) == everyone(ann, ben, eve)


def test_messages_and_changes_share_one_order(
    connect: Connect, everywhere: Any, rest: MakeRest, group: MakeGroup, user: MakeUser, ann: Account, ben: Account
) -> None:
    """A message either precedes the removal of its sender or is refused."""
    made = group(ann, ben)
    clients = [connect(transport, ann) for transport in ALL]
    others = [user() for _ in range(3)]
    rest(ann).add(made, *(who.user_id for who in others))
    acts: list[Callable[[], Any]] = []
    for who in others:
        acts += [lambda w=who, i=i: everywhere(w).send(conversation_id=made, message=f"m{i}") for i in range(4)]
        acts.append(lambda w=who: everywhere(ann).remove(made, w.user_id))
    answers = at_once(acts)
    assert {answer for answer in answers if isinstance(answer, str)} <= {"not_found"}
    found = history(rest(ann), made)
    assert [m["seq"] for m in found] == list(range(1, len(found) + 1))
    removed: set[int] = set()
    for message in found:
        assert message["senderId"] not in removed
        removed |= (
            set(message["system"].get("userIds", ())) if message.get("system", {}).get("type") == "removed" else set()
        )
    assert removed == everyone(*others)
    acked = {answer["id"] for answer in answers if isinstance(answer, dict) and "sentAt" in answer}
    assert acked <= {m["id"] for m in found}
    for client in clients:
        client.fence()
        assert [m["seq"] for m in client.messages(made)] == list(range(2, len(found) + 1))
