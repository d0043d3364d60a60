"""The JSON objects of the server API. Fields that a later version adds are there at run time as well."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Json = dict[str, Any]
Role = Literal["owner", "admin", "member"]


class Suspension(TypedDict):
    reason: NotRequired[str | None]
    until: NotRequired[str | None]
    since: NotRequired[str]
    shadow: NotRequired[bool]


class User(TypedDict):
    id: int
    username: str
    displayName: str
    createdAt: str
    externalId: NotRequired[str]
    avatarUrl: NotRequired[str]
    lastSeen: NotRequired[str | None]
    status: NotRequired[Json]
    email: NotRequired[str]
    locale: NotRequired[str]
    metadata: NotRequired[Json]
    suspension: NotRequired[Suspension]


class UserFields(TypedDict):
    """One user of ``users.put_many``. ``externalId`` is yours; absent fields stay as they are."""

    externalId: str
    displayName: NotRequired[str]
    username: NotRequired[str]
    avatarUrl: NotRequired[str | None]
    email: NotRequired[str | None]
    locale: NotRequired[str | None]
    metadata: NotRequired[Json | None]


class UserList(TypedDict):
    users: list[User]


class Tokens(TypedDict):
    accessToken: str
    expiresAt: str
    user: User
    refreshToken: NotRequired[str]


class Ending(TypedDict):
    """``ended`` lists what has ended already. Redis did not answer, so ``pending`` ends later, at ``pendingUntil`` at
    the latest.
    """

    status: str
    ended: list[str]
    pending: list[str]
    pendingUntil: int


class Accepted(TypedDict):
    status: str


class MemberFields(TypedDict):
    """A member to add: ``user`` is your id (text) or Parley's (number)."""

    user: str | int
    role: NotRequired[Role]


class Member(TypedDict):
    userId: int
    role: Role
    deliveredSeq: int
    readSeq: int
    externalId: NotRequired[str]


class Conversation(TypedDict):
    id: int
    kind: Literal["direct", "group"]
    memberCount: int
    lastSeq: int
    createdAt: str
    updatedAt: str
    externalId: NotRequired[str]
    name: NotRequired[str]
    description: NotRequired[str]
    avatarUrl: NotRequired[str]
    history: NotRequired[str]
    readOnly: NotRequired[bool]
    metadata: NotRequired[Json]
    members: NotRequired[list[Member]]
    lastMessage: NotRequired[Message]


class Message(TypedDict):
    id: str
    conversationId: int
    seq: int
    senderId: int | None
    kind: str
    sentAt: str
    message: NotRequired[str]
    attachments: NotRequired[list[Json]]
    replyTo: NotRequired[str]
    metadata: NotRequired[Json]
    status: NotRequired[str]
    reactions: NotRequired[list[Json]]
    editedAt: NotRequired[str]
    deletedAt: NotRequired[str]
    streaming: NotRequired[bool]
    length: NotRequired[int]


class History(TypedDict):
    messages: list[Message]
    hasMore: bool


class Ack(TypedDict):
    """``status`` is ``stored``, or ``accepted`` if the store did not confirm in time: then send the message again."""

    id: str
    conversationId: int
    status: str
    seq: NotRequired[int]
    sentAt: NotRequired[str]


class MessageFields(TypedDict):
    """One message of ``messages.send_many``: with ``conversation``, or with ``recipient`` and ``sender``."""

    message: str
    conversation: NotRequired[str | int]
    recipient: NotRequired[str | int]
    sender: NotRequired[str | int]
    id: NotRequired[str]
    kind: NotRequired[str]
    metadata: NotRequired[Json]
    attachments: NotRequired[list[Json]]
    replyTo: NotRequired[str]
    silent: NotRequired[bool]


class BatchResults(TypedDict):
    """In the order of the messages: acks, or problems with ``code`` and ``status``."""

    results: list[Json]


class NewWebhook(TypedDict):
    """``secret`` is shown only here."""

    webhookId: int
    secret: str


class WebhookEndpoint(TypedDict):
    """Without ``types``, it gets all events. ``offReason`` is ``gone`` or ``failing``."""

    webhookId: int
    url: str
    description: str
    state: Literal["on", "off"]
    createdAt: str
    types: NotRequired[list[str]]
    offReason: NotRequired[str]
    failingSince: NotRequired[str]
    deliveredAt: NotRequired[str]


class WebhookList(TypedDict):
    webhooks: list[WebhookEndpoint]


class Delivery(TypedDict):
    """``id`` is the event's. ``status`` and ``error`` are those of the last attempt."""

    id: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    createdAt: str
    type: NotRequired[str]
    status: NotRequired[int]
    error: NotRequired[str]
    endedAt: NotRequired[str]


class DeliveryList(TypedDict):
    deliveries: list[Delivery]
    cursor: NotRequired[str]


class FeedEvent(TypedDict):
    id: str
    type: str
    createdAt: str
    data: Json


class FeedPage(TypedDict):
    """``lost``: events before these were deleted, because nobody had pulled them in time."""

    events: list[FeedEvent]
    cursor: str
    lost: NotRequired[bool]


class ImportStarted(TypedDict):
    importId: str


class LineError(TypedDict):
    """``line`` counts from 1."""

    line: int
    message: str


class ImportState(TypedDict):
    """``done`` of ``total`` lines are written. If it ``failed``, nothing is written and ``errors`` says why."""

    importId: str
    status: Literal["pending", "checking", "running", "done", "failed"]
    done: int
    total: int
    errors: list[LineError]


class StreamStarted(TypedDict):
    id: str
    conversationId: int
    seq: int
