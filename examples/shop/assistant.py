"""An assistant that answers questions about an order. It gets messages by webhook and streams its answer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from threading import Thread
from uuid import NAMESPACE_URL, uuid5

from flask import Flask
from parley_sdk import ParleyServer, Stopped, WebhookEvent
from parley_sdk.flask import signal_for

from examples.shop.extensions import parley
from examples.shop.model import words_of_answer
from examples.shop.models import ASSISTANT, Order


def listen(app: Flask) -> None:
    signal_for("message.created").connect(_received, app)


def _received(_app: Flask, event: WebhookEvent) -> None:
    message = event.data
    order = Order.of_conversation(message.get("conversationExternalId", ""))
    asked = message["message"].endswith("?") and message.get("senderExternalId") not in (None, ASSISTANT)
    if order is None or not asked:
        return
    # Parley may deliver the webhook again, so the id of the answer follows from the id of the event.
    answer_id = str(uuid5(NAMESPACE_URL, event.id))
    words = words_of_answer(message["message"], order.item, order.status)
    # The webhook must be answered at once. A shop with Celery would start a task here.
    Thread(target=_answer, args=(parley.server, order.conversation, answer_id, words)).start()


def _answer(server: ParleyServer, conversation: str, answer_id: str, words: Iterable[str]) -> None:
    # Stopped: a member has stopped the answer.
    with suppress(Stopped), server.streams.open(conversation, ASSISTANT, id=answer_id) as stream:
        for word in words:
            stream.write(word)
