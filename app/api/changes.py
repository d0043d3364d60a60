"""Submits changes over REST, waits until they are stored, and answers also if that takes too long."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from app.api.parsing import json_response
from app.container import current_container, current_gateway
from app.core.commands import SendMessage
from app.gateway.waiting import wait_for_result
from app.services.messaging.prepared import Prepared
from app.services.reading.accepted_message import accepted_message


def carry_out(prepared: Prepared) -> dict[str, Any] | None:
    """Submits the change and returns its ack once it is stored, or None if the store does not confirm it in time.

    In that case the change is stored later; a client that is unsure repeats it. Raises the error that refused the
    change.
    """
    submit = partial(current_gateway().messaging.changes.submit, prepared)
    ack: dict[str, Any] | None = wait_for_result(submit, current_container().settings.ack_wait_seconds)
    return ack


def ack_response(prepared: Prepared) -> Response:
    """Returns 200 with the ack, or 202 with ``status: "accepted"`` if the change is not confirmed in time."""
    ack = carry_out(prepared)
    if ack is None:
        return json_response({**prepared.answer, "status": "accepted"}, 202)
    return json_response(ack)


def sent_response(sender_id: int, command: SendMessage, ack: dict[str, Any] | None) -> Response:
    """Returns 201 with the ack of a message, or 202 with ``status: "accepted"`` if there is no ack yet. May block."""
    return json_response(sent_answer(sender_id, command, ack), 202 if ack is None else 201)


def sent_answer(sender_id: int, command: SendMessage, ack: dict[str, Any] | None) -> dict[str, Any]:
    if ack is not None:
        return ack
    directs = current_gateway().reading.directs
    return accepted_message(sender_id, command, shards=current_container().shards, directs=directs)
