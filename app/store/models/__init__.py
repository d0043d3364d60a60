"""The tables, one file per family. Importing this package registers all of them on ``Base.metadata``."""

from __future__ import annotations

from app.store.models.account_tokens import AccountToken
from app.store.models.accounts import AccountDeletion
from app.store.models.audit import AuditRow
from app.store.models.avatars import Avatar
from app.store.models.base import Base
from app.store.models.conversations import Conversation, Member
from app.store.models.exports import Export, ExportChunk
from app.store.models.invites import Invite
from app.store.models.log import DeadLetter, LogState
from app.store.models.media import Media, MediaChunk, MediaUse
from app.store.models.message_life import HiddenMessage, Mention, MessageEdit, Reaction
from app.store.models.messages import Message
from app.store.models.moderation import Block, Report, Request
from app.store.models.push import PendingPush, PushDelivery, PushKey, PushSettings, PushShown, PushTarget
from app.store.models.second_factors import RecoveryCode, SecondFactor
from app.store.models.users import AuthSession, User

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
    "Export",
    "ExportChunk",
    "HiddenMessage",
    "Invite",
    "LogState",
    "Media",
    "MediaChunk",
    "MediaUse",
    "Member",
    "Mention",
    "Message",
    "MessageEdit",
    "PendingPush",
    "PushDelivery",
    "PushKey",
    "PushSettings",
    "PushShown",
    "PushTarget",
    "Reaction",
    "RecoveryCode",
    "Report",
    "Request",
    "SecondFactor",
    "User",
]
