"""Checks the lines of one piece of an import, and stores a plan of their users, conversations and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct, field
from sqlalchemy import Connection

from app.core.avatars import avatar_of
from app.core.errors import Invalid, ParleyError
from app.core.groups import checked_name, logged_metadata
from app.core.host_conversations import members_of
from app.core.host_messages import SYSTEM
from app.core.imports import (
    ConversationLine,
    LineError,
    MessageLine,
    UserLine,
    check_place_and_files,
    decode_line,
)
from app.core.records import HOST
from app.core.unknown_fields import refusal_of
from app.services.host.checked_user import checked_user
from app.services.host.put_conversation import check_direct_fields
from app.services.imports.known import Known, Numbered
from app.store import avatars
from app.store import import_plans as store
from app.store.direct_pairs import pair_of
from app.store.import_plans import KnownConversation, PlannedConversation, PlannedMessage, PlannedUser

GROUP_FIELDS = ("description", "avatar_url", "history", "read_only", "metadata")
DIRECT_MEMBERS = 2


class Limits(NamedTuple):
    """``strict``: unknown fields are errors."""

    max_text: int
    max_members: int
    strict: bool


class Plan(Struct):
    """``skipped``: the number of lines that change nothing, because their user, conversation or message exists."""

    users: list[PlannedUser] = field(default_factory=list)
    conversations: dict[int, PlannedConversation] = field(default_factory=dict)
    messages: list[PlannedMessage] = field(default_factory=list)
    skipped: int = 0
    errors: list[LineError] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)


class _Candidate(NamedTuple):
    message: PlannedMessage
    conversation: KnownConversation


def plan_lines(
    conn: Connection, import_id: str, first_line: int, lines: Sequence[bytes], *, limits: Limits, now_ms: int
) -> Plan:
    return _Planner(conn, import_id, limits, now_ms).run(first_line, lines)


class _Planner:
    def __init__(self, conn: Connection, import_id: str, limits: Limits, now_ms: int) -> None:
        self._conn = conn
        self._import_id = import_id
        self._limits = limits
        self._now_ms = now_ms
        self._plan = Plan()
        self._usernames: set[str] = set()

    def run(self, first_line: int, lines: Sequence[bytes]) -> Plan:
        decoded = [one for n, raw in enumerate(lines) if (one := self._decoded(first_line + n, raw)) is not None]
        known = Known(self._conn, self._import_id, decoded)
        names = [line.username for _, line in decoded if isinstance(line, UserLine) and isinstance(line.username, str)]
        lower = [name.lower() for name in names]
        self._usernames = store.taken_usernames(self._conn, self._import_id, lower)
        candidates = []
        for number, line in decoded:
            try:
                if isinstance(line, UserLine):
                    self._add_user(number, line, known)
                elif isinstance(line, ConversationLine):
                    self._add_conversation(number, line, known)
                else:
                    candidates.append(self._candidate(number, line, known))
            except ParleyError as error:
                self._fail(number, error)
        self._add_messages(candidates)
        self._plan.errors.sort(key=lambda error: error.line)
        return self._plan

    def _decoded(self, number: int, raw: bytes) -> Numbered | None:
        if not raw.strip():
            self._plan.skipped += 1
            return None
        try:
            line, unknown = decode_line(raw)
            if unknown and self._limits.strict:
                raise refusal_of(unknown)
        except ParleyError as error:
            self._fail(number, error)
            return None
        self._plan.ignored.update(unknown)
        return Numbered(number, line)

    def _fail(self, number: int, error: ParleyError) -> None:
        self._plan.errors.append(LineError(number, error.message))

    # --- users

    def _add_user(self, number: int, line: UserLine, known: Known) -> None:
        user = checked_user(line)
        self._check_picture(user.avatar_url)
        place = known.new_users.get(line.external_id)
        if line.external_id in known.planned_users or (place is not None and place[0] != number):
            raise Invalid.field("externalId", "appears twice in this import")
        if place is None:
            self._plan.skipped += 1
            return
        username = user.username if isinstance(user.username, str) else None
        if username is not None and username in self._usernames:
            raise Invalid.field("username", "This username is taken.")
        if username is not None:
            self._usernames.add(username)
        fields = {
            "displayName": user.first_name(username or ""),
            "avatarUrl": user.avatar_url or None,
            "email": user.email or None,
            "locale": user.locale or None,
            "metadata": user.metadata or None,
        }
        self._plan.users.append(PlannedUser(line.external_id, place[1], username, fields))

    def _check_picture(self, given: Any) -> None:
        own = avatar_of(given) if isinstance(given, str) else None
        if own is not None and not avatars.exists(self._conn, own):
            raise Invalid.field("avatarUrl", "there is no such picture")

    # --- conversations

    def _add_conversation(self, number: int, line: ConversationLine, known: Known) -> None:
        roles: dict[int, str] = {}
        for n, member in enumerate(members_of(line.members)):
            user = known.user(member.user, f"members[{n}]", number)
            roles[user] = member.role or roles.get(user, "member")
        logged_metadata(line.metadata)  # checks it
        found = known.named(line.external_id)
        if found is not None and found.planned:
            raise Invalid.field("externalId", "appears twice in this import")
        if found is not None and line.kind not in (UNSET, found.kind):
            raise Invalid.field("kind", f"the kind of this conversation is {found.kind}")
        if found is not None:
            self._plan.skipped += 1
        elif line.kind == "direct":
            self._plan_direct(line, roles, known)
        elif line.kind == "group":
            self._plan_group(line, roles, known)
        else:
            raise Invalid.field("kind", "is required for a new conversation")

    def _plan_group(self, line: ConversationLine, roles: dict[int, str], known: Known) -> None:
        if len(roles) > self._limits.max_members:
            raise Invalid.field("members", f"a group has at most {self._limits.max_members} members")
        self._check_picture(line.avatar_url)
        given = {name: getattr(line, name) for name in GROUP_FIELDS}
        fields = {name: value for name, value in given.items() if value is not UNSET and value}
        if isinstance(line.name, str):
            fields["name"] = checked_name(line.name)
        self._put(known, line.external_id, "group", None, {**fields, "members": list(roles.items()), "line": True})

    def _plan_direct(self, line: ConversationLine, roles: dict[int, str], known: Known) -> None:
        check_direct_fields(line)
        if len(roles) != DIRECT_MEMBERS or any(member.role is not None for member in members_of(line.members)):
            raise Invalid.field("members", "a direct conversation has exactly two members, without roles")
        one, other = roles
        found = known.direct(one, other)
        if found is not None and found.external_id is not None:
            raise Invalid.field("members", "the direct conversation of these users has another external id")
        fields = {"members": list(roles.items()), "metadata": line.metadata or None, "line": True}
        self._put(known, line.external_id, "direct", (one, other), fields, found)

    def _put(
        self,
        known: Known,
        external_id: str | None,
        kind: str,
        pair: tuple[int, int] | None,
        fields: dict[str, Any],
        found: KnownConversation | None = None,
    ) -> KnownConversation:
        """Plans a new conversation, or an external id for a direct one that exists."""
        id_ = known.next_conversation_id() if found is None else found.id
        low, high = (None, None) if pair is None else pair_of(*pair)
        is_new = found is None or found.is_new
        made = KnownConversation(id_, external_id, kind, low, high, is_new, planned=True)
        known.add(made)
        self._plan.conversations[id_] = PlannedConversation(
            id_, external_id, low, high, is_new, {"kind": kind, **fields}
        )
        return made

    # --- messages

    def _candidate(self, number: int, line: MessageLine, known: Known) -> _Candidate:
        check_place_and_files(line)
        command = line.checked(self._limits.max_text)
        sent_ms = line.sent_ms(self._now_ms)
        sender = HOST if line.sender is None else known.user(line.sender, "sender", number)
        if line.recipient is not None:
            conversation = self._direct_with(sender, known.user(line.recipient, "recipient", number), known)
        else:
            conversation = known.conversation(line.conversation or 0)
        if conversation.kind == "direct" and sender not in (HOST, conversation.low, conversation.high):
            raise Invalid.field("sender", "is not one of the two users of the direct conversation")
        extra = {"imported": True, **({"metadata": line.metadata} if line.metadata else {})}
        message = PlannedMessage(
            conversation_id=conversation.id,
            id=line.id_or_derived(sent_ms),
            live=not conversation.is_new,
            line=number,
            sent_ms=sent_ms,
            sender_id=sender,
            kind=SYSTEM if sender == HOST else command.kind or "text",
            body=line.message,
            reply_to=line.reply_to and line.reply_to.lower(),
            extra=msgspec.json.encode(extra).decode(),
        )
        return _Candidate(message, conversation)

    def _direct_with(self, sender: int, recipient: int, known: Known) -> KnownConversation:
        found = known.direct(sender, recipient)
        if found is not None:
            return found
        members = [(user, "member") for user in dict.fromkeys((sender, recipient))]
        return self._put(known, None, "direct", (sender, recipient), {"members": members})

    def _add_messages(self, candidates: Sequence[_Candidate]) -> None:
        places = {(one.message.conversation_id, one.message.id) for one in candidates}
        places |= {(one.message.conversation_id, one.message.reply_to) for one in candidates if one.message.reply_to}
        there = {
            place: sender for place, (sender, _) in store.known_messages(self._conn, self._import_id, places).items()
        }
        for message, _ in candidates:
            place = message.conversation_id, message.id
            if message.reply_to is not None and (message.conversation_id, message.reply_to) not in there:
                self._fail(message.line, Invalid.field("replyTo", "no such message, here or in an earlier line"))
            elif place not in there:
                there[place] = message.sender_id
                self._plan.messages.append(message)
            elif there[place] == message.sender_id:
                self._plan.skipped += 1
            else:
                self._fail(message.line, Invalid.field("id", "is the id of another sender's message"))
