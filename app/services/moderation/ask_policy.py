"""Calls the host's policy before users write, open conversations, add people to groups or join them.

Fails closed: an act is refused if the policy raises or returns neither a bool nor a text, or if Postgres, which has the
facts, does not answer. The user may try again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine

from app.core.errors import Forbidden, NotFound, Overloaded
from app.policy import Person, Place, Policy
from app.store.engine import reading
from app.store.policy_facts import find_place, is_member
from app.store.users import StoredUser, get_users

log = logging.getLogger("parley.policy")

MAX_REASON = 500  # characters


class PolicyChecks:
    """``policy`` is None if none is installed; then every method returns at once.

    All methods may block. They raise Forbidden with the policy's reason, NotFound for a conversation whose existence
    the user must not learn, and Overloaded if the policy fails or Postgres does not answer.
    """

    def __init__(self, policy: Policy | None, engine: Engine) -> None:
        self._policy = policy
        self._engine = engine

    @property
    def check_write_if_any(self) -> Callable[[int, int], None] | None:
        """Returns ``check_write``, or None if there is no policy. Plain messages then need no extra step."""
        return None if self._policy is None else self.check_write

    def check_open_direct(self, user_id: int, other_id: int) -> None:
        policy = self._policy
        if policy is None or user_id == other_id:
            return
        with reading(self._engine) as conn:
            user, other = _people(conn, [user_id, other_id])
        _demand(lambda: policy.may_open_direct(user, other))

    def check_write(self, user_id: int, conversation_id: int) -> None:
        policy = self._policy
        if policy is None:
            return
        with reading(self._engine) as conn:
            user, place, is_known = _in_place(conn, user_id, conversation_id)
        if place.other is None or place.other.user_id != user_id:  # nobody else reads one's own notes
            _demand(lambda: policy.may_write(user, place), is_known=is_known)

    def check_add(self, user_id: int, user_ids: Sequence[int], conversation_id: int | None) -> None:
        policy = self._policy
        others = [other for other in dict.fromkeys(user_ids) if other != user_id]
        if policy is None or not others:
            return
        place, is_known = None, True
        with reading(self._engine) as conn:
            user, *people = _people(conn, [user_id, *others])
            if conversation_id is not None:
                user, place, is_known = _in_place(conn, user_id, conversation_id)
        _demand(lambda: policy.may_add(user, people, place), is_known=is_known)

    def check_join(self, user_id: int, conversation_id: int) -> None:
        policy = self._policy
        if policy is None:
            return
        with reading(self._engine) as conn:
            user, place, _ = _in_place(conn, user_id, conversation_id)
        _demand(lambda: policy.may_join(user, place))


def _in_place(conn: Connection, user_id: int, conversation_id: int) -> tuple[Person, Place, bool]:
    """Returns the user, the place, and whether the user is a member, who may learn that it exists."""
    facts = find_place(conn, conversation_id)
    if facts is None:
        raise NotFound
    other_id = facts.other_than(user_id)
    is_known = is_member(conn, conversation_id, user_id)
    if other_id is None or not is_known:  # for a stranger, "the other one" has no meaning
        [user], other = _people(conn, [user_id]), None
    else:
        user, other = _people(conn, [user_id, other_id])
    return user, Place(facts.id, facts.kind, facts.external_id, other), is_known


def _people(conn: Connection, user_ids: Sequence[int]) -> list[Person]:
    found = get_users(conn, user_ids)
    if not all(user_id in found for user_id in user_ids):
        raise NotFound("No such user.")
    return [_person(found[user_id]) for user_id in user_ids]


def _person(user: StoredUser) -> Person:
    return Person(user.id, user.username, user.display_name, user.external_id)


def _demand(ask: Callable[[], object], *, is_known: bool = True) -> None:
    """Raises unless the policy allows it. ``is_known``: the user may know that the conversation exists."""
    try:
        answer = ask()
    except Exception:
        log.exception("the policy failed; the act is refused")
        raise Overloaded("The policy of this deployment does not answer.") from None
    if answer is True:
        return
    if not is_known:
        raise NotFound
    if answer is False:
        raise Forbidden("The policy of this deployment does not allow this.")
    if not isinstance(answer, str):
        log.error(
            "the policy answered %s, which is neither a bool nor a string; the act is refused", type(answer).__name__
        )
        raise Overloaded("The policy of this deployment does not answer.")
    raise Forbidden(answer[:MAX_REASON])
