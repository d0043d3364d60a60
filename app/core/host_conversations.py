"""Requests and answers about conversations in the server API."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from app.core.answer_base import Answer, Time
from app.core.answers import Member
from app.core.commands import ExternalId, Id, Seq, UserRef
from app.core.groups import InfoPatch, Role
from app.core.metadata import Metadata

MAX_MEMBERS = 5000  # of one request


class HostMember(Struct, frozen=True):
    user: UserRef
    role: Role | None = None


Members = Annotated[list[ExternalId | Id | HostMember], Meta(max_length=MAX_MEMBERS)]


class HostConversationPatch(InfoPatch, frozen=True):
    """Absent fields stay as they are; null removes a value. Members are added, never removed."""

    kind: Literal["group", "direct"] | UnsetType = UNSET
    read_only: Annotated[bool, Meta(description="Only owners, admins and the host write")] | UnsetType = UNSET
    members: Members = field(default_factory=list)


class HostMembers(Struct, frozen=True):
    members: Members


class MemberForHost(Member, frozen=True, kw_only=True):
    external_id: str | UnsetType = UNSET


class ConversationForHost(Answer, frozen=True, kw_only=True):
    """A conversation as the host's server sees it. ``members`` is complete up to 100 members."""

    id: Id
    kind: Literal["direct", "group"]
    member_count: int
    last_seq: Seq
    created_at: Time
    updated_at: Time
    external_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    avatar_url: str | UnsetType = UNSET
    history: Literal["all", "joined"] | UnsetType = UNSET
    read_only: Literal[True] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    members: list[MemberForHost] | UnsetType = UNSET


def members_of(given: list[str | int | HostMember]) -> list[HostMember]:
    return [one if isinstance(one, HostMember) else HostMember(one) for one in given]
