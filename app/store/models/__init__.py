"""The tables, one file per family. Importing this package registers all of them on ``Base.metadata``."""

from __future__ import annotations

from app.store.models.account_tokens import AccountToken
from app.store.models.accounts import AccountDeletion
from app.store.models.audit import AuditRow
from app.store.models.avatars import Avatar
from app.store.models.base import Base
from app.store.models.conversations import Conversation, Draft, Member, NotedChange, ReadConversations
from app.store.models.exports import Export, ExportChunk
from app.store.models.imports import Import, ImportConversation, ImportMessage, ImportPiece, ImportUser
from app.store.models.invites import Invite
from app.store.models.log import DeadLetter, LogState, ShardCount
from app.store.models.media import Media, MediaChunk, MediaUse
from app.store.models.message_life import HiddenMessage, Mention, MessageEdit, Reaction, ShadowChange
from app.store.models.messages import Message
from app.store.models.moderation import Block, Report, Request
from app.store.models.push import PendingPush, PushDelivery, PushKey, PushSettings, PushShown, PushTarget
from app.store.models.search import MessageTerms, SearchBucket, SearchState, UserNameTerm
from app.store.models.second_factors import RecoveryCode, SecondFactor
from app.store.models.server_keys import ServerKey
from app.store.models.streams import Stream
from app.store.models.users import AuthSession, User
from app.store.models.webhooks import HostEvent, HostFeed, Webhook, WebhookDelivery, WebhookLane

__all__ = [
    "AccountDeletion",
    "AccountToken",
    "AuditRow",
    "AuthSession",
    "Avatar",
    "Base",
    "Block",
    "Conversation",
    "DeadLetter",
    "Draft",
    "Export",
    "ExportChunk",
    "HiddenMessage",
    "HostEvent",
    "HostFeed",
    "Import",
    "ImportConversation",
    "ImportMessage",
    "ImportPiece",
    "ImportUser",
    "Invite",
    "LogState",
    "Media",
    "MediaChunk",
    "MediaUse",
    "Member",
    "Mention",
    "Message",
    "MessageEdit",
    "MessageTerms",
    "NotedChange",
    "PendingPush",
    "PushDelivery",
    "PushKey",
    "PushSettings",
    "PushShown",
    "PushTarget",
    "Reaction",
    "ReadConversations",
    "RecoveryCode",
    "Report",
    "Request",
    "SearchBucket",
    "SearchState",
    "SecondFactor",
    "ServerKey",
    "ShadowChange",
    "ShardCount",
    "Stream",
    "User",
    "UserNameTerm",
    "Webhook",
    "WebhookDelivery",
    "WebhookLane",
]
