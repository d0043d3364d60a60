"""The REST operations for the servers of hosts (docs/server-api.md)."""

from __future__ import annotations

from functools import partial

from app.api.documents.sign_in_operations import ENDING
from app.api.operation import MISSING, SENT, TAKEN, Answered, Operation, server_operation, stored_or_accepted
from app.api.server.messages import HostHistoryQuery, WhichMessage
from app.api.server.users import DeleteQuery
from app.api.streams import AppendBody, EndBody
from app.core import errors
from app.core.accounts import DeletionTaken, SuspendUser, SuspensionView
from app.core.change_answers import ChangeAck
from app.core.host_conversations import ConversationForHost, HostConversationPatch, HostMembers
from app.core.host_messages import BatchResults, HostBatch, HostEdit, HostHistory, HostSend
from app.core.host_streams import HostStream
from app.core.host_users import (
    HostUserFields,
    HostUsers,
    IssuedTokens,
    IssueTokens,
    ServerUser,
    ServerUserList,
)

USERS = "/api/v1/server/users"
USER = f"{USERS}/{{externalId}}"
CONVERSATION = "/api/v1/server/conversations/{externalId}"
MESSAGES = "/api/v1/server/messages"
MESSAGE = f"{MESSAGES}/{{messageId}}"
STREAMS = "/api/v1/server/streams"
CHANGED = {
    200: Answered("The conversation", ConversationForHost),
    202: Answered("Accepted, but not confirmed as stored in time", ConversationForHost),
}

_of_users = partial(server_operation, "Server: users")
_of_conversations = partial(server_operation, "Server: conversations")
_of_messages = partial(server_operation, "Server: messages")

SERVER_OPERATIONS: tuple[Operation, ...] = (
    _of_users(
        "PUT",
        USER,
        "putUser",
        "Create a user, or change the given fields",
        {200: Answered("The user", ServerUser), 201: Answered("The new user", ServerUser)},
        body=HostUserFields,
        errors=(TAKEN,),
    ),
    _of_users(
        "POST",
        USERS,
        "putUsers",
        "Create or change up to 1,000 users: either all of them or none",
        {200: Answered("The users", ServerUserList)},
        body=HostUsers,
        errors=(TAKEN,),
    ),
    _of_users("GET", USER, "showUser", "Show a user", {200: Answered("The user", ServerUser)}),
    _of_users(
        "DELETE",
        USER,
        "deleteUser",
        "Delete a user. The external id is free at once",
        {202: Answered("Nobody can sign in any more. A background task removes the data", DeletionTaken)},
        query=DeleteQuery,
    ),
    _of_users(
        "POST",
        f"{USER}/tokens",
        "issueTokens",
        "Get tokens for a user, whom the host has authenticated",
        {201: Answered("The tokens of a new auth session", IssuedTokens)},
        body=IssueTokens,
        errors=(errors.Suspended,),
    ),
    _of_users(
        "POST",
        f"{USER}/sessions/end",
        "endSessions",
        "End all sign-ins of a user: tokens stop working and open connections close",
        {204: Answered("They have ended"), **ENDING},
    ),
    _of_users(
        "PUT",
        f"{USER}/suspension",
        "suspendHostUser",
        "Suspend a user: sign-ins and tokens are refused, and all sessions end",
        {200: Answered("The suspension", SuspensionView)},
        body=SuspendUser,
    ),
    _of_users(
        "DELETE",
        f"{USER}/suspension",
        "unsuspendHostUser",
        "End the suspension of a user",
        {204: Answered("The user is not suspended, whether or not there was a suspension")},
    ),
    _of_conversations(
        "PUT",
        CONVERSATION,
        "putConversation",
        "Create a conversation, or change the given fields and add members",
        {201: Answered("The new conversation", ConversationForHost), **CHANGED},
        body=HostConversationPatch,
        errors=(TAKEN,),
    ),
    _of_conversations(
        "GET",
        CONVERSATION,
        "showHostConversation",
        "Show a conversation",
        {200: Answered("The conversation", ConversationForHost)},
    ),
    _of_conversations(
        "PATCH",
        CONVERSATION,
        "changeHostConversation",
        "Change the given fields of a conversation and add members",
        CHANGED,
        body=HostConversationPatch,
        errors=(TAKEN,),
    ),
    _of_conversations(
        "DELETE",
        CONVERSATION,
        "deleteConversation",
        "Delete a conversation. The external id is free at once",
        {202: Answered("Members no longer see it. A background task erases the messages", DeletionTaken)},
        errors=(TAKEN,),
    ),
    _of_conversations(
        "POST",
        f"{CONVERSATION}/members",
        "addConversationMembers",
        "Add members to a group, or change their roles",
        CHANGED,
        body=HostMembers,
        errors=(TAKEN,),
    ),
    _of_conversations(
        "DELETE",
        f"{CONVERSATION}/members/{{userExternalId}}",
        "removeConversationMember",
        "Remove a member from a group",
        CHANGED,
        errors=(TAKEN,),
    ),
    _of_messages(
        "POST",
        MESSAGES,
        "sendHostMessage",
        "Send a message in the name of a user, or a system message",
        SENT,
        body=HostSend,
        errors=(MISSING, TAKEN),
    ),
    _of_messages(
        "POST",
        f"{MESSAGES}/batch",
        "sendHostMessages",
        "Send up to 500 messages, in this order",
        {200: Answered("The ack or the problem of each", BatchResults)},
        body=HostBatch,
    ),
    _of_messages(
        "PATCH",
        MESSAGE,
        "editHostMessage",
        "Change the text or the metadata of any message",
        stored_or_accepted(ChangeAck),
        body=HostEdit,
        query=WhichMessage,
    ),
    _of_messages(
        "DELETE",
        MESSAGE,
        "deleteHostMessage",
        "Delete any message for everyone",
        stored_or_accepted(ChangeAck),
        query=WhichMessage,
    ),
    _of_messages(
        "GET",
        f"{CONVERSATION}/messages",
        "readHostHistory",
        "Read messages. Without `before` and `after`, returns the newest",
        {200: Answered("A page of messages", HostHistory)},
        query=HostHistoryQuery,
    ),
    _of_messages(
        "POST",
        STREAMS,
        "startHostStream",
        "Send a message that grows, in the name of a user",
        SENT,
        body=HostStream,
        errors=(MISSING, TAKEN),
    ),
    _of_messages(
        "POST",
        f"{STREAMS}/{{messageId}}/append",
        "appendToHostStream",
        "Add text to a stream. A repeated call adds nothing",
        {204: Answered("The text is there")},
        body=AppendBody,
        errors=(TAKEN, errors.Stopped),
    ),
    _of_messages(
        "POST",
        f"{STREAMS}/{{messageId}}/end",
        "endHostStream",
        "End a stream; with `message`, that is its final text",
        stored_or_accepted(ChangeAck),
        body=EndBody,
        errors=(errors.Stopped,),
    ),
)
