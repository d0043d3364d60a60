"""Random users reconnect over random transports and are compared with a model."""

from __future__ import annotations

import uuid
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

from tests.support.clients import TRANSPORTS, Account, EventClient, register
from tests.support.processes import Stack

PEOPLE = 3
who = st.integers(0, PEOPLE - 1)
transports = st.sampled_from(sorted(TRANSPORTS))
acts = settings(
    max_examples=8,
    stateful_step_count=18,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


class Chats(RuleBasedStateMachine):
    """The model: for each pair the ids in order, and for each member the last read position."""

    server: Stack
    accounts: list[Account]

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[frozenset[int], list[str]] = {}
        self.authors: dict[str, int] = {}
        self.read_up_to: dict[tuple[frozenset[int], int], int] = {}
        self.conversation_of: dict[frozenset[int], int] = {}
        self.clients: dict[int, EventClient] = {}
        self.own_acks: dict[int, set[str]] = {i: set() for i in range(PEOPLE)}

    @initialize(first=st.lists(transports, min_size=PEOPLE, max_size=PEOPLE))
    def arrive(self, first: list[str]) -> None:
        self.accounts = [register(self.server.base_url) for _ in range(PEOPLE)]
        for i, transport in enumerate(first):
            self.clients[i] = self._client(i, transport).join()

    def _client(self, person: int, transport: str) -> EventClient:
        return TRANSPORTS[transport](self.server.base_urls[person % 2], self.accounts[person])

    @rule(sender=who, receiver=who, count=st.integers(1, 4), via_rest=st.booleans())
    def send(self, sender: int, receiver: int, count: int, via_rest: bool) -> None:
        pair = frozenset((sender, receiver))
        client: Any = self.clients[sender].rest if via_rest or self.clients[sender].ended else self.clients[sender]
        for _ in range(count):
            ack = client.send(message=f"{sender}", receiver_id=self.accounts[receiver].user_id, id=str(uuid.uuid4()))
            self.sent.setdefault(pair, []).append(ack["id"])
            self.authors[ack["id"]] = sender
            self.own_acks[sender].add(ack["id"])
            self.conversation_of[pair] = ack["conversationId"]
            assert ack["seq"] == len(self.sent[pair])

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: Any) -> None:
        pair = data.draw(st.sampled_from(sorted(self.sent, key=sorted)))
        id_ = data.draw(st.sampled_from(self.sent[pair]))
        ack = self.clients[self.authors[id_]].rest.send(
            message="again", conversation_id=self.conversation_of[pair], id=id_
        )
        assert ack["seq"] == self.sent[pair].index(id_) + 1

    @rule(person=who)
    def vanish(self, person: int) -> None:
        self.clients[person].kill()

    @rule(person=who, transport=transports)
    def resume(self, person: int, transport: str) -> None:
        """Resumes with the cursor of the transport used before."""
        old = self.clients[person]
        old.kill()
        fresh = self._client(person, transport)
        fresh.events = old.events
        fresh.cursor = old.cursor
        old.rest.close()
        self.clients[person] = fresh.join(old.cursor)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def read(self, data: Any) -> None:
        pair = data.draw(st.sampled_from(sorted(self.sent, key=sorted)))
        person = data.draw(st.sampled_from(sorted(pair)))
        seq = data.draw(st.integers(0, len(self.sent[pair])))
        self.clients[person].rest.read(self.conversation_of[pair], seq)
        self.read_up_to[pair, person] = max(seq, self.read_up_to.get((pair, person), 0))

    @invariant()
    def unread_messages_match(self) -> None:
        for pair, conversation in self.conversation_of.items():
            for person in pair:
                expected = [
                    id_
                    for i, id_ in enumerate(self.sent[pair])
                    if i >= self.read_up_to.get((pair, person), 0) and self.authors[id_] != person
                ]
                found = self.clients[person].rest.fetch_unread(conversation_id=conversation)["messages"]
                assert [m["id"] for m in found] == expected

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
        for pair, conversation in self.conversation_of.items():
            if person not in pair:
                assert client.messages(conversation) == []
                continue
            got = {m["id"]: m["seq"] for m in client.messages(conversation) if m["message"] != "fence"}
            expected = {id_: i + 1 for i, id_ in enumerate(self.sent[pair])}
            assert set(got) | (self.own_acks[person] & set(expected)) == set(expected)
            assert all(expected[id_] == seq for id_, seq in got.items())
            history = client.rest.history(conversation)["messages"]
            assert [m["id"] for m in history if m["message"] != "fence"] == self.sent[pair][-100:]


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_every_client_ends_in_the_state_of_the_model(server: Stack) -> None:
    Chats.server = server
    run_state_machine_as_test(Chats, settings=acts)
