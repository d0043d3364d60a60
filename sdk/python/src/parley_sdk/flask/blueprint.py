"""The routes of the extension: webhooks, the hook before sending, and the token of the widget."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, abort, current_app, jsonify, request

from parley_sdk.before_send import decide_all
from parley_sdk.flask.signals import signal_for, webhook_received
from parley_sdk.flask.state import current_state
from parley_sdk.webhook import Webhook, WebhookRefused

MAX_BODY = 8 * 1024 * 1024  # the hook before sending gets many messages at once


def make_blueprint() -> Blueprint:
    blueprint = Blueprint("parley", __name__, template_folder="templates")
    blueprint.add_url_rule("/webhook", "webhook", _receive, methods=["POST"])
    blueprint.add_url_rule("/before-send", "before_send", _before_send, methods=["POST"])
    blueprint.add_url_rule("/token", "token", _token)
    blueprint.register_error_handler(WebhookRefused, _refused)
    blueprint.add_app_template_global(lambda: current_state().public_url, "parley_public_url")
    return blueprint


def _receive() -> Response:
    """Verifies a webhook and sends its signals. If a receiver raises, Parley delivers it again."""
    event = _webhook().verify(_body(), dict(request.headers))
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    webhook_received.send(app, event=event)
    signal_for(event.type).send(app, event=event)
    return Response(status=HTTPStatus.NO_CONTENT)


def _before_send() -> Response:
    """Answers the hook before sending."""
    decide = current_state().extension.decide
    if decide is None:
        abort(HTTPStatus.NOT_FOUND)
    return jsonify(decide_all(_webhook().verify_payload(_body(), dict(request.headers)), decide))


def _webhook() -> Webhook:
    webhook = current_state().webhook
    if webhook is None:  # PARLEY_WEBHOOK_SECRETS is not set
        abort(HTTPStatus.NOT_FOUND)
    return webhook


def _body() -> bytes:
    request.max_content_length = MAX_BODY
    return request.get_data()


def _refused(error: WebhookRefused) -> Response:
    return _refusal(str(error), HTTPStatus.UNAUTHORIZED)


def _token() -> Response:
    """Answers the widget's `token-url`. Only pages of this site can read the answer."""
    extension = current_state().extension
    user = extension.signed_in_user()
    if user is None:
        return _refusal("Nobody is signed in.", HTTPStatus.UNAUTHORIZED)
    answer = jsonify(accessToken=extension.token_for(user))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _refusal(reason: str, status: HTTPStatus) -> Response:
    answer = jsonify(error=reason)
    answer.status_code = status
    return answer
