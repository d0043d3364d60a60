"""The host's own rules about who may write to whom, found by the entry point ``parley.policy``.

docs/how-to/decide-who-may-write.md describes how to write one. A policy decides about users only, never about calls of
the host's server.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from app.config import ConfigError
from app.plugins import load_kinds

GROUP = "parley.policy"
# True allows, and False refuses. A text refuses too, and the user sees it as the reason.
Answer = bool | str


class Person(Struct, frozen=True):
    """``external_id`` is the host's own id, if the user has one."""

    user_id: int
    username: str
    display_name: str
    external_id: str | None


class Place(Struct, frozen=True):
    """A conversation. ``kind`` is "direct" or "group"; ``other`` is the other person of a direct one."""

    conversation_id: int
    kind: str
    external_id: str | None
    other: Person | None


class Policy:
    """Override the methods for which you have a rule; the others allow everything. A method may block for a moment,
    because it runs apart from live chat. If it raises, the user gets ``overloaded`` and may try again.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def may_open_direct(self, _user: Person, _other: Person, /) -> Answer:
        """The user begins a direct conversation with the other one. Not called for a conversation that exists."""
        return True

    def may_write(self, _user: Person, _place: Place, /) -> Answer:
        """The user sends or edits a message, or sends an event of the application."""
        return True

    def may_add(self, _user: Person, _others: Sequence[Person], _group: Place | None, /) -> Answer:
        """The user adds others to a group. The group is None if it is being created with them."""
        return True

    def may_join(self, _user: Person, _group: Place, /) -> Answer:
        """The user joins a group with an invite."""
        return True


def load_policy() -> Policy | None:
    """Returns the installed policy, or None. Raises ConfigError if several are installed, or if it cannot be loaded."""
    found = load_kinds(GROUP, Policy, ())
    if len(found) > 1:
        raise ConfigError(f"{GROUP}: several policies are installed ({', '.join(sorted(found))}); keep one of them.")
    return next(iter(found.values()), None)
