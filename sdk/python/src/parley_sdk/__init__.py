"""Calls Parley from the server of your product: see README.md of this package.

``parley_sdk.client`` connects as a user, ``parley_sdk.outbox`` sends with your own transactions, and
``parley_sdk.flask`` is the Flask extension. Each needs the extra of that name.
"""

from __future__ import annotations

from parley_sdk.calls import UNSET, Unset
from parley_sdk.errors import (
    APIError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    Invalid,
    NotFound,
    Overloaded,
    ParleyError,
    RateLimited,
    Rejected,
    Stopped,
    Suspended,
    TooLarge,
    Unauthorized,
)
from parley_sdk.ids import new_message_id
from parley_sdk.retry import Retry
from parley_sdk.server import AsyncParleyServer, ParleyServer
from parley_sdk.webhook import Webhook, WebhookEvent, WebhookRefused

# The version of Parley that this package was released with: app/version.py.
__version__ = "0.2.0-dev"

__all__ = [
    "UNSET",
    "APIError",
    "AsyncParleyServer",
    "Conflict",
    "ConnectionFailed",
    "Forbidden",
    "Invalid",
    "NotFound",
    "Overloaded",
    "ParleyError",
    "ParleyServer",
    "RateLimited",
    "Rejected",
    "Retry",
    "Stopped",
    "Suspended",
    "TooLarge",
    "Unauthorized",
    "Unset",
    "Webhook",
    "WebhookEvent",
    "WebhookRefused",
    "new_message_id",
]
