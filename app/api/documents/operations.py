"""Every REST operation: what it takes and what it answers. The views are the truth; a test holds this list complete,
and what a running server answers against it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from app.api.conversations import HistoryQuery, ListQuery, NewConversation
from app.api.documents.account_operations import ACCOUNT_OPERATIONS
from app.api.documents.group_operations import GROUP_OPERATIONS
from app.api.documents.media_operations import MEDIA_OPERATIONS
from app.api.documents.operation import (
    AUTH,
    CONVERSATION,
    CONVERSATIONS,
    EVENTS,
    LIMITED,
    MESSAGES,
    MISSING,
    PEOPLE,
    TAKEN,
    Answered,
    Operation,
)
from app.api.documents.push_operations import PUSH_OPERATIONS
from app.api.message_changes import MESSAGE_OPERATIONS
from app.api.messages import MarkBody, PresenceQuery, TypingBody, UnreadQuery
from app.api.users import UserQuery
from app.core import errors
from app.core.accounts import LogIn, Profile, ProfilePatch, Register, SignedIn, Ticket, Tokens, UserList
from app.core.answers import (
    Accepted,
    Ack,
    Conversation,
    ConversationList,
    Limits,
    MarkAck,
    MessageList,
    Polled,
    PresenceList,
    UnreadMessages,
)
from app.core.commands import PollQuery, SendMessage


class EventsQuery(Struct, frozen=True):
    """``Last-Event-ID`` goes before ``cursor``."""

    cursor: Annotated[str, Meta(description="Resume after this position")] = ""
    ticket: Annotated[str, Meta(description="In place of the Authorization header")] = ""


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/api/v1/auth/register",
        "register",
        "Make an account and sign in",
        AUTH,
        {201: Answered("The new user, signed in", SignedIn)},
        credential="none",
        body=Register,
        errors=(TAKEN, LIMITED, MISSING),
    ),
    Operation(
        "POST",
        "/api/v1/auth/login",
        "logIn",
        "Sign in",
        AUTH,
        {200: Answered("The user, signed in", SignedIn)},
        credential="none",
        body=LogIn,
        errors=(errors.Unauthorized, LIMITED, MISSING),
    ),
    Operation(
        "POST",
        "/api/v1/auth/refresh",
        "refreshTokens",
        "New tokens for a refresh token, which is good once",
        AUTH,
        {200: Answered("The next pair of tokens", Tokens)},
        credential="refresh",
        errors=(LIMITED,),
    ),
    Operation(
        "POST",
        "/api/v1/auth/logout",
        "logOut",
        "End the auth session: its tokens stop working, its connections close",
        AUTH,
        {204: Answered("Ended")},
    ),
    Operation(
        "POST",
        "/api/v1/auth/ticket",
        "issueTicket",
        "A ticket for a WebSocket or an event stream: good once, for 30 s",
        AUTH,
        {201: Answered("The ticket", Ticket)},
        errors=(LIMITED,),
    ),
    Operation("GET", "/api/v1/me", "readMe", "One's own profile", PEOPLE, {200: Answered("The user", Profile)}),
    Operation(
        "PATCH",
        "/api/v1/me",
        "changeMe",
        "Change one's own profile; what is absent stays",
        PEOPLE,
        {200: Answered("The user as changed", Profile)},
        body=ProfilePatch,
    ),
    Operation(
        "GET",
        "/api/v1/users",
        "findUsers",
        "Find people by the beginning of a name, or those of these ids",
        PEOPLE,
        {200: Answered("Those found", UserList)},
        query=UserQuery,
    ),
    Operation(
        "GET",
        "/api/v1/presence",
        "readPresence",
        "Who is online; `userIds` separated by commas",
        PEOPLE,
        {200: Answered("Of each of them", PresenceList)},
        query=PresenceQuery,
    ),
    Operation(
        "POST",
        "/api/v1/messages",
        "sendMessage",
        "Send a message to a conversation or a person",
        MESSAGES,
        {
            201: Answered("Committed in Postgres", Ack),
            202: Answered("In the log, not confirmed in time: send again under the same id", Accepted),
        },
        body=SendMessage,
        errors=(MISSING, TAKEN, LIMITED),
    ),
    Operation(
        "GET",
        "/api/v1/messages/unread",
        "fetchUnreadMessages",
        "What is unread, oldest first; marks it delivered",
        MESSAGES,
        {200: Answered("The oldest of them", UnreadMessages)},
        query=UnreadQuery,
        errors=(MISSING,),
    ),
    Operation(
        "POST",
        "/api/v1/conversations",
        "openConversation",
        "The one direct conversation with a person, opened where it was not; or a new group",
        CONVERSATIONS,
        {201: Answered("The conversation", Conversation)},
        body=NewConversation,
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        "/api/v1/conversations",
        "listConversations",
        "One's conversations, newest activity first",
        CONVERSATIONS,
        {200: Answered("A page of them", ConversationList)},
        query=ListQuery,
    ),
    Operation(
        "GET",
        CONVERSATION,
        "showConversation",
        "One conversation",
        CONVERSATIONS,
        {200: Answered("The conversation", Conversation)},
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        f"{CONVERSATION}/messages",
        "readHistory",
        "Its messages; the newest where neither `before` nor `after` is given",
        CONVERSATIONS,
        {200: Answered("A page of them", MessageList)},
        query=HistoryQuery,
        errors=(MISSING,),
    ),
    *(
        Operation(
            "POST",
            f"{CONVERSATION}/{mark}",
            f"mark{mark.capitalize()}",
            f"Mark everything up to and with `seq` {mark}",
            CONVERSATIONS,
            {200: Answered("The mark stands", MarkAck), 202: Answered("In the log, not confirmed in time", MarkAck)},
            body=MarkBody,
            errors=(MISSING,),
        )
        for mark in ("delivered", "read")
    ),
    Operation(
        "POST",
        f"{CONVERSATION}/typing",
        "showTyping",
        "Tell the other members that one types, or ceased to",
        CONVERSATIONS,
        {204: Answered("Told")},
        body=TypingBody,
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        "/api/v1/events",
        "streamEvents",
        "The stream of events as server-sent events (see AsyncAPI)",
        EVENTS,
        {200: Answered("`id` is the cursor, `event` the name, `data` one line of JSON", str, "text/event-stream")},
        credential="ticket",
        query=EventsQuery,
        errors=(errors.Forbidden, LIMITED),
    ),
    Operation(
        "GET",
        "/api/v1/events/poll",
        "pollEvents",
        "The stream of events by long-poll",
        EVENTS,
        {200: Answered("What came, perhaps nothing", Polled)},
        query=PollQuery,
        errors=(LIMITED,),
    ),
    Operation(
        "GET",
        "/api/v1/limits",
        "readLimits",
        "The limits of this deployment; the same as in `joined`",
        "Documents",
        {200: Answered("The limits", Limits)},
        credential="none",
    ),
    Operation(
        "GET",
        "/api/v1/openapi.json",
        "readOpenApi",
        "This document",
        "Documents",
        {200: Answered("OpenAPI 3.1", dict[str, Any])},
        credential="none",
    ),
    *GROUP_OPERATIONS,
    *MESSAGE_OPERATIONS,
    *ACCOUNT_OPERATIONS,
    *MEDIA_OPERATIONS,
    *PUSH_OPERATIONS,
)
