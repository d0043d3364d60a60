"""Random members of random groups reconnect over random transports and are compared with a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.contract.expect_groups import roles
from tests.support.clients import TRANSPORTS, Account, EventClient, register
from tests.support.processes import Stack
from tests.support.screen import Screen

PEOPLE = 4
who = st.integers(0, PEOPLE - 1)
transports = st.sampled_from(sorted(TRANSPORTS))
acts = settings(
    max_examples=6,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@dataclass
class Said:
    """One message of the model. ``text`` is None if it is deleted, and "" for the server's own messages."""

    id: str | None
    author: int
    text: str | None


@dataclass
class Model:
    """A group. ``said[i]`` has seq i + 1. A member joined with the seq ``since`` and cannot see ``floor`` and below."""

    id: int
    shows_all: bool
    said: list[Said] = field(default_factory=list)
    role: dict[int, str] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)
    floor: dict[int, int] = field(default_factory=dict)
    read: dict[int, int] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return len(self.said)

    def announce(self, actor: int) -> None:
        self.said.append(Said(None, actor, ""))

    def admit(self, person: int, role: str = "member") -> None:
        """Called once the system message about it is in ``said``."""
        self.role[person], self.since[person] = role, self.last
        self.floor[person] = 0 if self.shows_all else self.last - 1

    def visible(self, person: int, first: int) -> dict[int, str]:
        """Returns the text under each visible seq, from ``first`` on."""
        found = {i + 1: said.text for i, said in enumerate(self.said) if i + 1 >= first}
        return {seq: text for seq, text in found.items() if text is not None}


class Groups(RuleBasedStateMachine):
    server: Stack
    accounts: list[Account]

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[Model] = []
        self.clients: dict[int, EventClient] = {}

    @initialize(first=st.lists(transports, min_size=PEOPLE, max_size=PEOPLE))
    def arrive(self, first: list[str]) -> None:
        self.accounts = [register(self.server.base_url) for _ in range(PEOPLE)]
        for i, transport in enumerate(first):
            self.clients[i] = self._client(i, transport).join()
        self.make(0, True)

    def _client(self, person: int, transport: str) -> EventClient:
        return TRANSPORTS[transport](self.server.base_urls[person % 2], self.accounts[person], ack="client")

    def _rest(self, person: int) -> Any:
        return self.clients[person].rest

    # -- groups --------------------

    @rule(owner=who, shows_all=st.booleans())
    def make(self, owner: int, shows_all: bool) -> None:
        if len(self.groups) == 2:
            return
        others = [i for i in range(PEOPLE - 1) if i != owner]
        users = [self.accounts[i].user_id for i in others]
        made = self._rest(owner).group("G", users, history="all" if shows_all else "joined")
        group = Model(made["id"], shows_all)
        group.announce(owner)
        for person in (owner, *others):
            group.admit(person, "owner" if person == owner else "member")
        self.groups.append(group)

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def change_member(self, data: Any) -> None:
        """The owner adds an absent person, or removes a member or changes their role."""
        group = data.draw(st.sampled_from(self.groups))
        owner = next(p for p, role in group.role.items() if role == "owner")
        person = data.draw(st.sampled_from([p for p in range(PEOPLE) if p != owner]))
        user = self.accounts[person].user_id
        if person not in group.role:
            self._rest(owner).add(group.id, user)
            group.announce(owner)
            group.admit(person)
            group.read[person] = group.last - 1
        elif data.draw(st.booleans()):
            role = "admin" if group.role[person] == "member" else "member"
            self._rest(owner).give_role(group.id, user, role)
            group.announce(owner)
            group.role[person] = role
        else:
            self._rest(owner).remove(group.id, user)
            group.announce(owner)
            del group.role[person]

    # -- messages --------------------

    def _draw_member(self, data: Any) -> tuple[Model, int]:
        group = data.draw(st.sampled_from(self.groups))
        return group, data.draw(st.sampled_from(sorted(group.role)))

    @precondition(lambda self: self.groups)
    @rule(data=st.data(), count=st.integers(1, 4))
    def send(self, data: Any, count: int) -> None:
        group, person = self._draw_member(data)
        for _ in range(count):
            ack = self._rest(person).send(conversation_id=group.id, message=f"by {person}")
            group.said.append(Said(ack["id"], person, f"by {person}"))
            assert ack["seq"] == group.last

    @precondition(lambda self: self.groups)
    @rule(data=st.data(), deletes=st.booleans())
    def change(self, data: Any, deletes: bool) -> None:
        group, person = self._draw_member(data)
        floor = group.floor[person]
        own = [s for s in group.said[floor:] if s.id and s.author == person and s.text is not None]
        if not own:
            return
        said = data.draw(st.sampled_from(own))
        if deletes:
            self._rest(person).delete(said.id, group.id)
            said.text = None
        else:
            said.text = f"{said.text}, edited"
            self._rest(person).edit(said.id, said.text, group.id)

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def read(self, data: Any) -> None:
        group, person = self._draw_member(data)
        seq = data.draw(st.integers(0, group.last))
        self._rest(person).read(group.id, seq)
        group.read[person] = max(seq, group.read.get(person, 0))

    # -- connections --------------------

    @rule(person=who)
    def vanish(self, person: int) -> None:
        self.clients[person].kill()

    @rule(person=who, transport=transports)
    def reconnect_member(self, person: int, transport: str) -> None:
        """Resumes with the cursor of the transport used before."""
        old = self.clients[person]
        old.kill()
        fresh = self._client(person, transport)
        fresh.events, fresh.cursor = old.events, old.cursor
        old.rest.close()
        self.clients[person] = fresh.join(old.cursor)

    # -- invariants --------------------

    @invariant()
    def unread_messages_match(self) -> None:
        for group in self.groups:
            for person in group.role:
                begin = max(group.read.get(person, 0), group.floor[person])
                expected = [s.id for s in group.said[begin:] if s.id and s.author != person and s.text is not None]
                found = self._rest(person).fetch_unread(conversation_id=group.id)["messages"]
                assert [m["id"] for m in found if m["kind"] != "system"] == expected

    @invariant()
    def members_match(self) -> None:
        for group in self.groups:
            expected = {self.accounts[p].user_id: role for p, role in group.role.items()}
            for person in range(PEOPLE):
                listed = [c["id"] for c in self._rest(person).conversations()["conversations"]]
                assert (group.id in listed) is (person in group.role)
            assert roles(self._rest(next(iter(group.role))).conversation(group.id)) == expected

    def teardown(self) -> None:
        try:
            for person in range(PEOPLE if self.clients else 0):
                self._check_final(person)
        finally:
            for client in self.clients.values():
                client.finish()

    def _check_final(self, person: int) -> None:
        client = self.clients[person].reconnect()
        client.fence(20)
        screen = Screen(self.accounts[person].user_id).feed(client.events)
        for group in self.groups:
            if person not in group.role:
                assert group.id in screen.left or screen.messages[group.id] == {}
                continue
            shown = {m["seq"]: m["message"] for m in screen.messages[group.id].values()}
            since = group.since[person]
            assert {seq: text for seq, text in shown.items() if seq >= since} == group.visible(person, since)
            past = client.rest.history(group.id, limit=100)["messages"]
            assert {m["seq"]: m["message"] for m in past if "deletedAt" not in m} == group.visible(
                person, group.floor[person] + 1
            )
            known = screen.conversations[group.id]["members"]
            assert {m["userId"]: m["role"] for m in known} == {
                self.accounts[p].user_id: role for p, role in group.role.items()
            }


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_every_client_ends_in_the_state_of_the_model(server: Stack) -> None:
    Groups.server = server
    run_state_machine_as_test(Groups, settings=acts)
