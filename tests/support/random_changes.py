"""Random acts that a server must allow: sends, edits, deletions, clearing, reactions, pins, members, roles, marks.

The model holds only enough to draw legal acts. Their results are checked elsewhere.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.clients import Account, RestClient

EMOJIS = ("👍", "❤️", "🎉")


@dataclass
class Place:
    """One conversation as the acts see it. ``keeper`` is its owner and never leaves."""

    id: int
    keeper: int
    members: set[int]
    is_group: bool
    living: dict[str, int] = field(default_factory=dict)  # message id → author
    seen: dict[int, set[str]] = field(default_factory=dict)  # person → ids of messages visible to them
    hidden: set[tuple[int, str]] = field(default_factory=set)
    left: set[int] = field(default_factory=set)  # people who left by their own act
    reacted: set[tuple[str, int, str]] = field(default_factory=set)
    pinned: set[str] = field(default_factory=set)
    seqs: dict[str, int] = field(default_factory=dict)
    last: int = 0
    shows_all: bool = True


class RandomChanges:
    """``people`` are indices into ``accounts``. Every act goes over REST, to the gateways in turn."""

    def __init__(self, base_urls: list[str], accounts: list[Account], seed: int) -> None:
        self.random = random.Random(seed)
        self.accounts = accounts
        self.clients = [RestClient(base_urls[i % len(base_urls)], a.access_token) for i, a in enumerate(accounts)]
        self.places: list[Place] = []
        self.done: list[str] = []

    def close(self) -> None:
        for client in self.clients:
            client.close()

    # -- places --------------------

    def add_group(self, keeper: int, others: list[int], history: str = "all") -> Place:
        users = [self.accounts[i].user_id for i in others]
        made = self.clients[keeper].group("Group", users, history=history)["id"]
        return self._place(made, keeper, {keeper, *others}, True, history == "all")

    def add_direct(self, one: int, other: int) -> Place:
        made = self.clients[one].direct(self.accounts[other].user_id)["id"]
        return self._place(made, one, {one, other}, False, True)

    def _place(self, id_: int, keeper: int, members: set[int], is_group: bool, shows_all: bool) -> Place:
        place = Place(id_, keeper, members, is_group, seen={m: set() for m in members}, shows_all=shows_all)
        self.places.append(place)
        return place

    # -- acts --------------------

    def step(self) -> None:
        """Performs one random act that changes something."""
        place = self.random.choice(self.places)
        acts: list[tuple[Callable[[Place], bool], int]] = [
            (self._send, 6), (self._edit, 4), (self._delete, 2), (self._hide, 2),
            (self._react, 4), (self._pin, 2), (self._mark, 3), (self._clear, 1),
        ]  # fmt: skip
        if place.is_group:
            acts += [(self._rename, 2), (self._add_or_join, 3), (self._leave_or_remove, 3), (self._role, 2)]
        names, weights = zip(*acts, strict=True)
        while not self.random.choices(names, weights)[0](place):
            continue

    def _note(self, what: str, place: Place, *more: Any) -> bool:
        self.done.append(f"{len(self.done)} {what} in {place.id}: {more}")
        return True

    def _member(self, place: Place) -> int:
        return self.random.choice(sorted(place.members))

    def _visible_message(self, place: Place, person: int, among: set[str] | None = None) -> str | None:
        seen = place.seen[person] & (place.living.keys() if among is None else among & place.living.keys())
        ids = sorted(id_ for id_ in seen if (person, id_) not in place.hidden)
        return self.random.choice(ids) if ids else None

    def _send(self, place: Place) -> bool:
        person, id_ = self._member(place), str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        body: dict[str, Any] = {"message": self._text(place), "id": id_}
        answered = self._visible_message(place, person)
        if answered and self.random.random() < 0.3:
            body["replyTo"] = answered
        place.last = self.clients[person].send(conversation_id=place.id, **body)["seq"]
        place.living[id_], place.seqs[id_] = person, place.last
        for member in place.members:
            place.seen[member].add(id_)
        return self._note("sent", place, person, id_)

    def _text(self, place: Place) -> str:
        named = self.accounts[self._member(place)].username
        return self.random.choice(["text", f"@{named} look", "@all look", "ünï👍cødé"]) + f" {len(self.done)}"

    def _edit(self, place: Place) -> bool:
        person = self._member(place)
        id_ = self._visible_message(place, person, {i for i, author in place.living.items() if author == person})
        if id_ is None:
            return False
        self.clients[person].edit(id_, self._text(place), place.id)
        return self._note("edited", place, person, id_)

    def _delete(self, place: Place) -> bool:
        person = self._member(place)
        own = {i for i, author in place.living.items() if author == person}
        id_ = self._visible_message(place, person, None if place.is_group and person == place.keeper else own)
        if id_ is None:
            return False
        self.clients[person].delete(id_, place.id)
        del place.living[id_]
        place.pinned.discard(id_)
        return self._note("deleted", place, person, id_)

    def _hide(self, place: Place) -> bool:
        person = self._member(place)
        id_ = self._visible_message(place, person)
        if id_ is None:
            return False
        self.clients[person].delete(id_, place.id, scope="me")
        place.hidden.add((person, id_))
        return self._note("hid", place, person, id_)

    def _clear(self, place: Place) -> bool:
        person, seq = self._member(place), self.random.randint(0, place.last)
        self.clients[person].json("POST", f"/conversations/{place.id}/clear", json={"seq": seq})
        place.seen[person] -= {id_ for id_ in place.seen[person] if place.seqs[id_] <= seq}
        return self._note("cleared", place, person, seq)

    def _react(self, place: Place) -> bool:
        person, emoji = self._member(place), self.random.choice(EMOJIS)
        id_ = self._visible_message(place, person)
        if id_ is None:
            return False
        on = (id_, person, emoji) not in place.reacted
        self.clients[person].react(id_, emoji, place.id, on=on)
        place.reacted ^= {(id_, person, emoji)}
        return self._note("reacted" if on else "removed a reaction", place, person, emoji, id_)

    def _pin(self, place: Place) -> bool:
        id_ = self._visible_message(place, place.keeper)
        if id_ is None:
            return False
        on = id_ not in place.pinned
        self.clients[place.keeper].pin(id_, place.id, on=on)
        place.pinned ^= {id_}
        return self._note("pinned" if on else "unpinned", place, id_)

    def _mark(self, place: Place) -> bool:
        person, what = self._member(place), self.random.choice(["read", "delivered"])
        getattr(self.clients[person], what)(place.id, self.random.randint(0, place.last))
        return self._note(what, place, person)

    def _rename(self, place: Place) -> bool:
        fields = {self.random.choice(["name", "description"]): f"called {len(self.done)}"}
        place.last = self.clients[place.keeper].change(place.id, **fields)["lastSeq"]
        return self._note("renamed", place, fields)

    def _add_or_join(self, place: Place) -> bool:
        away = sorted(set(range(len(self.accounts))) - place.members)
        if not away:
            return False
        person = self.random.choice(away)
        place.last = self.clients[place.keeper].add(place.id, self.accounts[person].user_id)["lastSeq"]
        if person in place.left:  # members who left by their own act must accept
            accepted = self.clients[person].json("POST", f"/requests/{place.id}/accept")
            place.last = accepted["lastSeq"]
            place.left.discard(person)
        place.seen[person] = set(place.living) if place.shows_all else set()
        place.members.add(person)
        return self._note("added", place, person)

    def _leave_or_remove(self, place: Place) -> bool:
        others = sorted(place.members - {place.keeper})
        if not others:
            return False
        person = self.random.choice(others)
        if self.random.random() < 0.5:
            self.clients[person].leave(place.id)
            place.left.add(person)
        else:
            self.clients[place.keeper].remove(place.id, self.accounts[person].user_id)
        place.members.discard(person)
        return self._note("went", place, person)

    def _role(self, place: Place) -> bool:
        others = sorted(place.members - {place.keeper})
        if not others:
            return False
        person, role = self.random.choice(others), self.random.choice(["admin", "member"])
        self.clients[place.keeper].give_role(place.id, self.accounts[person].user_id, role)
        return self._note("role", place, person, role)
