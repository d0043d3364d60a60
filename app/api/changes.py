"""Submits changes over REST and waits until they are stored."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from app.api.parsing import json_response
from app.container import current_gateway
from app.services.messaging.change_message import Prepared
from app.services.messaging.submit_change import submit_change
from app.services.messaging.waiting import wait_for_result


def carried_out(prepared: Prepared) -> dict[str, Any] | None:
    """Submits the change and returns its ack once it is stored, or None if the store does not confirm it in time.

    In that case the change is stored later; a client that is unsure repeats it. Raises the error that refused the
    change.
    """
    gateway = current_gateway()
    begin = partial(submit_change, gateway.path, prepared.operation, prepared.answer)
    return wait_for_result(begin, gateway.settings.ack_wait_seconds)


def ack_response(prepared: Prepared) -> Response:
    """Returns 200 with the ack, or 202 with ``status: "accepted"`` if the change is not confirmed in time."""
    ack = carried_out(prepared)
    if ack is None:
        return json_response({**prepared.answer, "status": "accepted"}, 202)
    return json_response(ack)
