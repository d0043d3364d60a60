"""The REST operations of groups."""

from __future__ import annotations

from typing import Any

from app.api.invites import NewInvite, RevokeBody
from app.api.members import ArchiveBody, MembersQuery, MuteBody, PinBody, UsersQuery
from app.api.operation import (
    CONVERSATION,
    CONVERSATIONS,
    LIMITED,
    MISSING,
    TAKEN,
    Answered,
    Operation,
)
from app.core import errors
from app.core.answers import Conversation
from app.core.change_answers import (
    Invite,
    InviteList,
    InvitePreview,
    MemberList,
)
from app.core.groups import InfoPatch, RoleBody, UsersBody
from app.core.request_answers import RequestList

INVITE = "/api/v1/invites/{code}"
FORBIDDEN = errors.Forbidden
CHANGED = {
    200: Answered("The changed conversation", Conversation),
    202: Answered("The change is accepted, but was not confirmed as stored in time", Conversation),
}


def _of_group(method: str, path: str, name: str, summary: str, **more: Any) -> Operation:
    more.setdefault("answers", CHANGED)
    more.setdefault("errors", (MISSING, FORBIDDEN))
    return Operation(method, CONVERSATION + path, name, summary, CONVERSATIONS, **more)


REQUEST = "/api/v1/requests/{conversationId}"
REQUEST_OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/requests",
        "listRequests",
        "List the groups and direct conversations that wait for your answer",
        CONVERSATIONS,
        {200: Answered("The requests, newest first", RequestList)},
    ),
    Operation(
        "POST",
        f"{REQUEST}/accept",
        "acceptRequest",
        "Become a member of the group, or show the direct conversation",
        CONVERSATIONS,
        {200: Answered("The conversation", Conversation)},
        errors=(MISSING, TAKEN, LIMITED),
    ),
    Operation(
        "POST",
        f"{REQUEST}/refuse",
        "refuseRequest",
        "Refuse the group or the direct conversation for good. Nobody is notified",
        CONVERSATIONS,
        {204: Answered("Refused")},
        errors=(MISSING, LIMITED),
    ),
)

GROUP_OPERATIONS: tuple[Operation, ...] = (
    *REQUEST_OPERATIONS,
    _of_group(
        "PATCH",
        "",
        "changeConversation",
        "Change a group's name, description, picture, or how much history new members see",
        body=InfoPatch,
    ),
    _of_group(
        "GET",
        "/members",
        "listMembers",
        "List the members, ordered by user id",
        query=MembersQuery,
        answers={200: Answered("A page of members", MemberList)},
        errors=(MISSING,),
    ),
    _of_group("POST", "/members", "addMembers", "Add people to a group", body=UsersBody),
    _of_group("DELETE", "/members", "removeMembers", "Remove members from a group", body=UsersBody, query=UsersQuery),
    _of_group("DELETE", "/members/{userId}", "removeMember", "Remove one member from a group"),
    _of_group(
        "PATCH",
        "/members/{userId}",
        "changeRole",
        "Give a member another role. A group always keeps one owner",
        body=RoleBody,
        errors=(MISSING, FORBIDDEN, TAKEN),
    ),
    _of_group(
        "POST",
        "/leave",
        "leaveConversation",
        "Leave a group. The last owner must make another member the owner first",
        answers={204: Answered("You have left")},
        errors=(MISSING, FORBIDDEN, TAKEN),
    ),
    _of_group(
        "PUT",
        "/mute",
        "muteConversation",
        "Mute a conversation for yourself until a time; with null, unmute it",
        body=MuteBody,
        errors=(MISSING,),
    ),
    _of_group(
        "PUT",
        "/archive",
        "archiveConversation",
        "Archive or unarchive a conversation for yourself",
        body=ArchiveBody,
        errors=(MISSING,),
    ),
    _of_group(
        "PUT", "/pin", "pinConversation", "Pin or unpin a conversation for yourself", body=PinBody, errors=(MISSING,)
    ),
    _of_group(
        "POST",
        "/invites",
        "createInvite",
        "Create an invite to a group",
        body=NewInvite,
        answers={201: Answered("The invite", Invite)},
    ),
    _of_group(
        "GET",
        "/invites",
        "listInvites",
        "List the valid invites",
        answers={200: Answered("All valid invites", InviteList)},
    ),
    _of_group(
        "DELETE",
        "/invites",
        "revokeInvites",
        "Revoke one invite, or all of them",
        body=RevokeBody,
        answers={204: Answered("Revoked")},
    ),
    _of_group("DELETE", "/invites/{code}", "revokeInvite", "Revoke an invite", answers={204: Answered("Revoked")}),
    Operation(
        "GET",
        INVITE,
        "previewInvite",
        "Show which group an invite leads to",
        CONVERSATIONS,
        {200: Answered("The group's name and size", InvitePreview)},
        errors=(MISSING, LIMITED),
    ),
    Operation(
        "POST",
        INVITE,
        "acceptInvite",
        "Accept an invite and join the group. For a member, nothing changes",
        CONVERSATIONS,
        {200: CHANGED[200]},
        errors=(MISSING, LIMITED, FORBIDDEN, errors.Invalid),
    ),
)
