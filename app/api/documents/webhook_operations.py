"""The REST operations for webhooks and the feed (docs/webhooks.md)."""

from __future__ import annotations

from functools import partial

from app.api.operation import TAKEN, Answered, Operation, server_operation
from app.api.server.webhooks import DeliveriesQuery, FeedQuery
from app.core.webhooks import (
    DeliveryList,
    FeedView,
    NewWebhook,
    ReplayTaken,
    ReplayWebhook,
    WebhookList,
    WebhookMade,
    WebhookPatch,
    WebhookView,
)

WEBHOOKS = "/api/v1/server/webhooks"
WEBHOOK = f"{WEBHOOKS}/{{webhookId}}"

_of_events = partial(server_operation, "Server: events")

WEBHOOK_OPERATIONS: tuple[Operation, ...] = (
    _of_events(
        "POST",
        WEBHOOKS,
        "addWebhook",
        "Have events posted to an address",
        {201: Answered("The new webhook. Its secret is shown only here", WebhookMade)},
        body=NewWebhook,
        errors=(TAKEN,),
    ),
    _of_events("GET", WEBHOOKS, "listWebhooks", "List the webhooks", {200: Answered("All of them", WebhookList)}),
    _of_events(
        "PATCH",
        WEBHOOK,
        "changeWebhook",
        "Change a webhook, or switch it on or off",
        {200: Answered("The webhook", WebhookView)},
        body=WebhookPatch,
    ),
    _of_events(
        "DELETE",
        WEBHOOK,
        "deleteWebhook",
        "Delete a webhook; pending deliveries are dropped",
        {204: Answered("Deleted")},
    ),
    _of_events(
        "GET",
        f"{WEBHOOK}/deliveries",
        "listDeliveries",
        "List deliveries, newest first",
        {200: Answered("A page", DeliveryList)},
        query=DeliveriesQuery,
    ),
    _of_events(
        "POST",
        f"{WEBHOOK}/replay",
        "replayWebhook",
        "Have the events after one delivered again",
        {202: Answered("They will be delivered", ReplayTaken)},
        body=ReplayWebhook,
    ),
    _of_events(
        "GET",
        "/api/v1/server/events",
        "pullEvents",
        "Get the events after a cursor, or wait for the next one",
        {200: Answered("Events in their order, and the next cursor", FeedView)},
        query=FeedQuery,
    ),
)
