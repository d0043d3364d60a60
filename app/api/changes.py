"""What changes over REST wait for."""

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
    """The ack, once the change is stored; None where the store did not confirm it in time (it will, or the client asks
    again). Raise what it was refused with.
    """
    gateway = current_gateway()
    begin = partial(submit_change, gateway.path, prepared.operation, prepared.answer)
    return wait_for_result(begin, gateway.settings.ack_wait_seconds)


def ack_response(prepared: Prepared) -> Response:
    """200, or 202 with ``status: "accepted"``."""
    ack = carried_out(prepared)
    if ack is None:
        return json_response({**prepared.answer, "status": "accepted"}, 202)
    return json_response(ack)
