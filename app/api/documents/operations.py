"""Describes every REST operation: its parameters and its answers. A test checks that every route is described here, and
that a running server answers as described.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from app.api.conversations import HistoryQuery, ListQuery, NewConversation
from app.api.documents.account_operations import ACCOUNT_OPERATIONS
from app.api.documents.group_operations import GROUP_OPERATIONS
from app.api.documents.import_operations import IMPORT_OPERATIONS
from app.api.documents.media_operations import MEDIA_OPERATIONS
from app.api.documents.push_operations import PUSH_OPERATIONS
from app.api.documents.server_operations import SERVER_OPERATIONS
from app.api.documents.sign_in_operations import ENDING, SIGN_IN_OPERATIONS
from app.api.documents.webhook_operations import WEBHOOK_OPERATIONS
from app.api.message_changes import MESSAGE_OPERATIONS
from app.api.messages import EventBody, MarkBody, PresenceQuery, TypingBody, UnreadQuery
from app.api.operation import (
    AUTH,
    CONVERSATION,
    CONVERSATIONS,
    EVENTS,
    LIMITED,
    MESSAGES,
    MISSING,
    PEOPLE,
    SENT,
    TAKEN,
    Answered,
    Operation,
    stored_or_accepted,
)
from app.api.own_views import OWN_OPERATIONS
from app.api.streams import STREAM_OPERATIONS
from app.api.users import UserQuery
from app.core import errors
from app.core.accounts import LogIn, Profile, ProfilePatch, Register, SignedIn, Ticket, Tokens, UserList
from app.core.answers import (
    Conversation,
    ConversationList,
    Limits,
    MarkAck,
    Polled,
    PresenceList,
)
from app.core.commands import PollQuery, SendMessage
from app.core.custom_answers import EventAck
from app.core.message_answers import HistoryPage, UnreadMessages


class EventsQuery(Struct, frozen=True):
    """``Last-Event-ID`` takes precedence over ``cursor``."""

    cursor: Annotated[str, Meta(description="Resume after this position")] = ""
    ticket: Annotated[str, Meta(description="Instead of the Authorization header")] = ""


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/api/v1/auth/register",
        "register",
        "Create an account and sign in",
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
        errors=(errors.Unauthorized, errors.SecondFactorRequired, errors.Suspended, LIMITED, MISSING),
    ),
    Operation(
        "POST",
        "/api/v1/auth/refresh",
        "refreshTokens",
        "Exchange a refresh token for new tokens. Each refresh token is valid once",
        AUTH,
        {200: Answered("The next pair of tokens", Tokens)},
        credential="refresh",
        errors=(LIMITED,),
    ),
    Operation(
        "POST",
        "/api/v1/auth/logout",
        "logOut",
        "Log out: the tokens of this auth session stop working and its connections close",
        AUTH,
        {204: Answered("Logged out"), **ENDING},
    ),
    Operation(
        "POST",
        "/api/v1/auth/ticket",
        "issueTicket",
        "Get a ticket for a WebSocket or an event stream. It is valid once, for 30 s by default",
        AUTH,
        {201: Answered("The ticket", Ticket)},
        errors=(LIMITED,),
    ),
    Operation("GET", "/api/v1/me", "readMe", "Show your own profile", PEOPLE, {200: Answered("The user", Profile)}),
    Operation(
        "PATCH",
        "/api/v1/me",
        "changeMe",
        "Change your own profile. Fields that you omit stay the same",
        PEOPLE,
        {200: Answered("The changed user", Profile)},
        body=ProfilePatch,
    ),
    Operation(
        "GET",
        "/api/v1/users",
        "findUsers",
        "Find users by the beginning of a name, or by their ids",
        PEOPLE,
        {200: Answered("The users that exist", UserList)},
        query=UserQuery,
    ),
    Operation(
        "GET",
        "/api/v1/presence",
        "readPresence",
        "Show who is online. Separate `userIds` by commas",
        PEOPLE,
        {200: Answered("The presence of each user", PresenceList)},
        query=PresenceQuery,
    ),
    Operation(
        "POST",
        "/api/v1/messages",
        "sendMessage",
        "Send a message to a conversation or a user",
        MESSAGES,
        SENT,
        body=SendMessage,
        errors=(MISSING, TAKEN, LIMITED, errors.Forbidden, errors.Rejected),
    ),
    Operation(
        "GET",
        "/api/v1/messages/unread",
        "fetchUnreadMessages",
        "Fetch unread messages, oldest first, and mark them delivered",
        MESSAGES,
        {200: Answered("The oldest unread messages", UnreadMessages)},
        query=UnreadQuery,
        errors=(MISSING,),
    ),
    Operation(
        "POST",
        "/api/v1/conversations",
        "openConversation",
        "Open the direct conversation with a user, or create a group",
        CONVERSATIONS,
        {201: Answered("The conversation", Conversation)},
        body=NewConversation,
        errors=(MISSING, errors.Forbidden),
    ),
    Operation(
        "GET",
        "/api/v1/conversations",
        "listConversations",
        "List your conversations, most recent activity first",
        CONVERSATIONS,
        {200: Answered("A page of conversations", ConversationList)},
        query=ListQuery,
    ),
    Operation(
        "GET",
        CONVERSATION,
        "showConversation",
        "Show a conversation",
        CONVERSATIONS,
        {200: Answered("The conversation", Conversation)},
        errors=(MISSING,),
    ),
    Operation(
        "GET",
        f"{CONVERSATION}/messages",
        "readHistory",
        "Read messages. Without `before` and `after`, returns the newest",
        CONVERSATIONS,
        {200: Answered("A page of messages", HistoryPage)},
        query=HistoryQuery,
        errors=(MISSING,),
    ),
    *(
        Operation(
            "POST",
            f"{CONVERSATION}/{mark}",
            f"mark{mark.capitalize()}",
            f"Mark all messages up to and including `seq` as {mark}",
            CONVERSATIONS,
            stored_or_accepted(MarkAck),
            body=MarkBody,
            errors=(MISSING,),
        )
        for mark in ("delivered", "read")
    ),
    Operation(
        "POST",
        f"{CONVERSATION}/typing",
        "showTyping",
        "Show the other members that you are typing, or have stopped",
        CONVERSATIONS,
        {204: Answered("Sent to the other members")},
        body=TypingBody,
        errors=(MISSING,),
    ),
    Operation(
        "POST",
        f"{CONVERSATION}/events",
        "sendEvent",
        "Send an event of your application to the other members who are online",
        CONVERSATIONS,
        {200: Answered("Published", EventAck)},
        body=EventBody,
        errors=(MISSING, LIMITED, errors.Forbidden),
    ),
    Operation(
        "GET",
        "/api/v1/events",
        "streamEvents",
        "Stream events as server-sent events (see AsyncAPI)",
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
        "Read the stream of events by long-poll",
        EVENTS,
        {200: Answered("The new events, possibly none", Polled)},
        query=PollQuery,
        errors=(LIMITED,),
    ),
    Operation(
        "GET",
        "/api/v1/limits",
        "readLimits",
        "Show the limits of this deployment, the same as in `joined`",
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
    *OWN_OPERATIONS,
    *STREAM_OPERATIONS,
    *SIGN_IN_OPERATIONS,
    *ACCOUNT_OPERATIONS,
    *MEDIA_OPERATIONS,
    *PUSH_OPERATIONS,
    *SERVER_OPERATIONS,
    *IMPORT_OPERATIONS,
    *WEBHOOK_OPERATIONS,
)
