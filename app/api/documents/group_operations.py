"""The REST operations of groups."""

from __future__ import annotations

from typing import Any

from app.api.documents.operation import (
    CONVERSATION,
    CONVERSATIONS,
    LIMITED,
    MISSING,
    TAKEN,
    Answered,
    Operation,
)
from app.api.invites import NewInvite, RevokeBody
from app.api.members import ArchiveBody, MembersQuery, MuteBody, PinBody
from app.core import errors
from app.core.answers import Conversation
from app.core.change_answers import (
    Invite,
    InviteList,
    InvitePreview,
    MemberList,
)
from app.core.groups import InfoPatch, RoleBody, UsersBody

INVITE = "/api/v1/invites/{code}"
FORBIDDEN = errors.Forbidden
CHANGED = {
    200: Answered("The conversation as it now is", Conversation),
    202: Answered("The change is in the log, not confirmed in time", Conversation),
}


def _of_group(method: str, path: str, name: str, summary: str, **more: Any) -> Operation:
    more.setdefault("answers", CHANGED)
    more.setdefault("errors", (MISSING, FORBIDDEN))
    return Operation(method, CONVERSATION + path, name, summary, CONVERSATIONS, **more)


GROUP_OPERATIONS: tuple[Operation, ...] = (
    _of_group(
        "PATCH", "", "changeConversation", "Change a group's name, description, picture, history", body=InfoPatch
    ),
    _of_group(
        "GET",
        "/members",
        "listMembers",
        "Its members, by user id",
        query=MembersQuery,
        answers={200: Answered("A page of them", MemberList)},
        errors=(MISSING,),
    ),
    _of_group("POST", "/members", "addMembers", "Add people to a group", body=UsersBody),
    _of_group("DELETE", "/members", "removeMembers", "Remove members from a group", body=UsersBody),
    _of_group("DELETE", "/members/{userId}", "removeMember", "Remove one member from a group"),
    _of_group(
        "PATCH",
        "/members/{userId}",
        "changeRole",
        "Give a member another role; a group keeps an owner",
        body=RoleBody,
        errors=(MISSING, FORBIDDEN, TAKEN),
    ),
    _of_group(
        "POST",
        "/leave",
        "leaveConversation",
        "Leave a group; its last owner hands it over first",
        answers={204: Answered("Left")},
        errors=(MISSING, FORBIDDEN, TAKEN),
    ),
    _of_group(
        "PUT",
        "/mute",
        "muteConversation",
        "Mute for oneself until a moment; null: not any more",
        body=MuteBody,
        errors=(MISSING,),
    ),
    _of_group(
        "PUT", "/archive", "archiveConversation", "Archive for oneself, or not", body=ArchiveBody, errors=(MISSING,)
    ),
    _of_group("PUT", "/pin", "pinConversation", "Pin for oneself, or not", body=PinBody, errors=(MISSING,)),
    _of_group(
        "POST",
        "/invites",
        "createInvite",
        "Make an invite to a group",
        body=NewInvite,
        answers={201: Answered("The invite", Invite)},
    ),
    _of_group("GET", "/invites", "listInvites", "Its good invites", answers={200: Answered("All of them", InviteList)}),
    _of_group(
        "DELETE",
        "/invites",
        "revokeInvites",
        "End one invite, or all of them",
        body=RevokeBody,
        answers={204: Answered("Ended")},
    ),
    _of_group("DELETE", "/invites/{code}", "revokeInvite", "End an invite", answers={204: Answered("Ended")}),
    Operation(
        "GET",
        INVITE,
        "previewInvite",
        "What one is invited to",
        CONVERSATIONS,
        {200: Answered("The group's name and size", InvitePreview)},
        errors=(MISSING, LIMITED),
    ),
    Operation(
        "POST",
        INVITE,
        "acceptInvite",
        "Come into the group; for a member nothing changes",
        CONVERSATIONS,
        {200: CHANGED[200]},
        errors=(MISSING, LIMITED, errors.Invalid),
    ),
)
