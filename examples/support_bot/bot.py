"""The bot: each message of a visitor comes by webhook, and the answer is a call of the server API."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flask import Flask
from parley_sdk import WebhookEvent
from parley_sdk.flask import ParleyExtension, signal_for

ANSWERS = {
    "open": "We are here on weekdays, from 9 to 17.",
    "return": "You can return everything within 30 days. The label is in the box.",
    "deliver": "Parcels arrive within two days.",
}
HUMAN = "I have called a colleague, who reads this conversation from its beginning."
UNKNOWN = "I know about opening hours, deliveries and returns. Write “human” if you would rather talk to a person."


def listen(app: Flask, parley: ParleyExtension, bot: str, colleague: str) -> None:
    def received(_app: Flask, event: WebhookEvent) -> None:
        message = event.data
        conversation = message.get("conversationExternalId", "")
        if message["kind"] != "text" or not conversation.startswith("support-"):
            return
        if message.get("senderExternalId") in (bot, colleague) or _has(conversation, colleague):
            return
        text = _answer(message["message"])
        # Parley may deliver the webhook again, so the id of the answer follows from the id of the event.
        answer_id = str(uuid5(NAMESPACE_URL, event.id))
        parley.server.messages.send(text, conversation=conversation, sender=bot, id=answer_id)
        if text == HUMAN:
            parley.server.conversations.add_members(conversation, [colleague])

    def _has(conversation: str, person: str) -> bool:
        members: list[Any] = parley.server.conversations.get(conversation).get("members", [])
        return any(member.get("externalId") == person for member in members)

    signal_for("message.created").connect(received, app, weak=False)


def _answer(question: str) -> str:
    words = question.lower()
    if "human" in words:
        return HUMAN
    return next((answer for word, answer in ANSWERS.items() if word in words), UNKNOWN)
