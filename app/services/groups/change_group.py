"""Groups: created in Postgres, changed through the log.

The log puts a change in order with the messages around it, and keeps two changes at once from overwriting each other.
The script that carries a change out checks the user's role (message_log/lua/groups.lua).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine

from app.clock import now_ms
from app.core.errors import Invalid, NotFound
from app.core.groups import NewGroup, checked_name
from app.core.ids import make_uuid7
from app.core.kinds import Kind
from app.core.metadata import check_metadata, with_metadata
from app.core.records import MessageBody, encode_body
from app.message_log.append import Operation
from app.services.messaging.prepared import Prepared
from app.services.reading.waiting_requests import WaitingRequests
from app.store import admissions, groups
from app.store.engine import reading, writing
from app.store.users import is_new_account


def create_group(
    user_id: int,
    new: NewGroup,
    members: Sequence[int],
    *,
    engine: Engine,
    requests: WaitingRequests,
    max_members: int,
    limit_openings: Callable[[int], None],
) -> tuple[int, Prepared]:
    """Returns the group's id, and the system message that announces it to the members. ``members`` are Parley's ids of
    ``new.member_ids``. May block. Raises NotFound for an unknown user, Invalid for too many members, TooLarge for the
    metadata, RateLimited for a new account that opens too many conversations.

    Members whom the user may not add get a request instead (add_members.py).
    """
    members = [member for member in dict.fromkeys(members) if member != user_id]
    if len(members) + 1 > max_members:
        raise Invalid.field("memberIds", f"a group has at most {max_members} members")
    name = checked_name(new.name)
    if new.metadata:
        check_metadata(new.metadata)
    with reading(engine) as connection:
        is_new = is_new_account(connection, user_id)
    if is_new:
        limit_openings(user_id)
    with writing(engine) as connection:
        admission = admissions.decide(connection, user_id, members)
        if len(admission.known) < len(members):
            raise NotFound("No such user.")
        conversation_id = groups.create_group(
            connection,
            user_id,
            name,
            admission.admitted,
            description=new.description or None,
            avatar_url=new.avatar_url,
            history=new.history,
            read_only=new.read_only,
            metadata=new.metadata,
        )
        if conversation_id is None:
            raise NotFound("No such user.")
        asked = admissions.ask(connection, conversation_id, user_id, admission.asked)
    if asked:
        requests.announce(conversation_id, asked)
    return conversation_id, announce_group(user_id, conversation_id)


def announce_group(user_id: int, conversation_id: int) -> Prepared:
    """Returns the system message that announces a new group to its members."""
    return _change(conversation_id, user_id, ["created"])


def add_admitted(user_id: int, conversation_id: int, user_ids: Sequence[int], *, max_members: int) -> Prepared:
    """The caller has checked that these users may be added (add_members.py)."""
    return _change(conversation_id, user_id, ["added", max_members, *user_ids])


def join_group(user_id: int, conversation_id: int, *, max_members: int) -> Prepared:
    """The caller has checked the user's invite."""
    return _change(conversation_id, user_id, ["joined", max_members])


def remove_members(user_id: int, conversation_id: int, user_ids: Sequence[int]) -> Prepared:
    return _change(conversation_id, user_id, ["removed", *user_ids])


def leave_group(user_id: int, conversation_id: int) -> Prepared:
    return _change(conversation_id, user_id, ["left"])


def give_role(user_id: int, conversation_id: int, whom: int, role: str) -> Prepared:
    return _change(conversation_id, user_id, ["role", whom, role])


def change_info(user_id: int, conversation_id: int, changes: dict[str, Any]) -> Prepared:
    """``changes`` may hold name, description, avatarUrl, history, readOnly and metadata (as text). A false value
    removes the old one. Only owners change the metadata.
    """
    announced = {name: value if name == "readOnly" else value or None for name, value in changes.items()}
    announced = with_metadata(announced)
    return _change(conversation_id, user_id, ["info", changes, msgspec.json.encode(announced)[1:-1].decode()])


def _change(conversation_id: int, user_id: int, what: list[Any]) -> Prepared:
    message_id = make_uuid7(now_ms())
    body = encode_body(MessageBody(id=message_id, sender_id=user_id or None, kind="system"))
    operation = Operation(Kind.GROUP_CHANGED, conversation_id, user_id, what, body, "", message_id)
    return Prepared(operation, {"id": message_id, "conversationId": conversation_id, "status": "stored"})
