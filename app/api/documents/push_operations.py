"""The REST operations of push notifications."""

from __future__ import annotations

from app.api.documents.operation import LIMITED, MISSING, Answered, Operation
from app.core import errors
from app.core.push import (
    NewDevice,
    NewSubscription,
    Outbox,
    PushSettings,
    PushSettingsPatch,
    Registered,
    VapidKey,
    WhichDevice,
    WhichSubscription,
)

PUSH = "Push notifications"
ROOT = "/api/v1/push"

PUSH_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        f"{ROOT}/vapid-key",
        "readVapidKey",
        "The key that browsers subscribe with",
        PUSH,
        {200: Answered("Base64url of the uncompressed point", VapidKey)},
    ),
    Operation(
        "POST",
        f"{ROOT}/subscriptions",
        "addSubscription",
        "Have a browser notified: its PushSubscription as JSON. Safe to repeat",
        PUSH,
        {201: Answered("Registered, perhaps before", Registered)},
        body=NewSubscription,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/subscriptions",
        "removeSubscription",
        "Not to have it notified any more; `endpoint` in the body or in the query",
        PUSH,
        {204: Answered("Not registered, perhaps never")},
        body=WhichSubscription,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/subscriptions/{{targetId}}",
        "removeSubscriptionById",
        "The same by its id",
        PUSH,
        {204: Answered("Not registered, perhaps never")},
        errors=(LIMITED,),
    ),
    Operation(
        "POST",
        f"{ROOT}/devices",
        "addDevice",
        "Have a device notified: its token of Firebase Cloud Messaging. Safe to repeat",
        PUSH,
        {201: Answered("Registered, perhaps before", Registered)},
        body=NewDevice,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/devices",
        "removeDevice",
        "Not to have it notified any more; `token` in the body or in the query",
        PUSH,
        {204: Answered("Not registered, perhaps never")},
        body=WhichDevice,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/devices/{{targetId}}",
        "removeDeviceById",
        "The same by its id",
        PUSH,
        {204: Answered("Not registered, perhaps never")},
        errors=(LIMITED,),
    ),
    Operation(
        "GET",
        f"{ROOT}/settings",
        "readPushSettings",
        "What one has set about notifications",
        PUSH,
        {200: Answered("The settings", PushSettings)},
    ),
    Operation(
        "PATCH",
        f"{ROOT}/settings",
        "changePushSettings",
        "What notifications show, when there are none, and whether a device in use spares the others",
        PUSH,
        {200: Answered("The settings as they now are", PushSettings)},
        body=PushSettingsPatch,
        errors=(LIMITED, errors.Invalid),
    ),
    Operation(
        "GET",
        f"{ROOT}/outbox",
        "readPushOutbox",
        "In development alone: one's notifications that no push service was there for",
        PUSH,
        {200: Answered("The newest first", Outbox)},
        errors=(MISSING,),
    ),
)
