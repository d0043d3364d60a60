"""What a member sets for themself in a conversation: muted, archived, pinned. Nobody else hears of it."""

from __future__ import annotations

from app.core.records import Kind, SettingsBody, encode_body
from app.message_log.append import Operation
from app.services.messaging.change_message import Prepared


def change_settings(user_id: int, conversation_id: int, settings: SettingsBody) -> Prepared:
    operation = Operation(Kind.SETTINGS, conversation_id, user_id, [], encode_body(settings))
    return Prepared(operation, {"conversationId": conversation_id, "status": "stored"})
