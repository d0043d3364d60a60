"""Conversations by your own ids: their settings, members and history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from parley_sdk.calls import UNSET, AsyncCaller, Call, SyncCaller, Unset, listed, operation, present
from parley_sdk.models import Accepted, Conversation, History, Json, MemberFields

CONVERSATION = "/conversations/{externalId}"
Members = Sequence[str | int | MemberFields]


class ConversationOperations:
    @operation("PUT", CONVERSATION)
    def put(
        self,
        external_id: str,
        *,
        kind: Literal["group", "direct"] = "group",
        name: str | Unset = UNSET,
        members: Members | Unset = UNSET,
        metadata: Json | Unset | None = UNSET,
        avatar_url: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        history: Literal["all", "joined"] | Unset = UNSET,
        read_only: bool | Unset = UNSET,
    ) -> Call[Conversation]:
        """Creates the conversation, or changes the given fields. Members are added, never removed.

        A direct conversation has exactly two members. If Postgres does not confirm a change in time, the answer has
        only the ``status`` ``accepted``; the same holds for the other changes.
        """
        body = present(
            kind=kind,
            name=name,
            members=listed(members),
            metadata=metadata,
            avatar_url=avatar_url,
            description=description,
            history=history,
            read_only=read_only,
        )
        return Call(external_id, body=body)

    @operation("GET", CONVERSATION)
    def get(self, external_id: str) -> Call[Conversation]:
        """Returns the conversation. Raises NotFound."""
        return Call(external_id)

    @operation("PATCH", CONVERSATION)
    def change(
        self,
        external_id: str,
        *,
        kind: Literal["group", "direct"] | Unset = UNSET,
        name: str | Unset = UNSET,
        members: Members | Unset = UNSET,
        metadata: Json | Unset | None = UNSET,
        avatar_url: str | Unset | None = UNSET,
        description: str | Unset | None = UNSET,
        history: Literal["all", "joined"] | Unset = UNSET,
        read_only: bool | Unset = UNSET,
    ) -> Call[Conversation]:
        """Changes the given fields of an existing conversation, as ``put`` does."""
        body = present(
            kind=kind,
            name=name,
            members=listed(members),
            metadata=metadata,
            avatar_url=avatar_url,
            description=description,
            history=history,
            read_only=read_only,
        )
        return Call(external_id, body=body)

    @operation("DELETE", CONVERSATION)
    def delete(self, external_id: str) -> Call[Accepted]:
        """Deletes the conversation with its messages."""
        return Call(external_id)

    @operation("POST", f"{CONVERSATION}/members")
    def add_members(self, external_id: str, members: Members) -> Call[Conversation]:
        """Adds members: your ids, Parley's ids, or ``{"user": id, "role": role}``."""
        return Call(external_id, body={"members": list(members)})

    @operation("DELETE", f"{CONVERSATION}/members/{{userExternalId}}")
    def remove_member(self, external_id: str, user_external_id: str) -> Call[Conversation]:
        """Removes a member."""
        return Call(external_id, user_external_id)

    @operation("GET", f"{CONVERSATION}/messages")
    def messages(
        self, external_id: str, *, before: int | None = None, after: int | None = None, limit: int | None = None
    ) -> Call[History]:
        """Returns messages before or after a seq, or the newest ones."""
        return Call(external_id, query={"before": before, "after": after, "limit": limit})


class Conversations(ConversationOperations, SyncCaller):
    """The conversations of a ``ParleyServer``."""


class AsyncConversations(ConversationOperations, AsyncCaller):
    """The conversations of an ``AsyncParleyServer``."""
