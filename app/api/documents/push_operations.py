"""The REST operations for push notifications."""

from __future__ import annotations

from app.api.operation import LIMITED, MISSING, Answered, Operation
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
        "Show the public key that browsers need to subscribe",
        PUSH,
        {200: Answered("The uncompressed point in base64url", VapidKey)},
    ),
    Operation(
        "POST",
        f"{ROOT}/subscriptions",
        "addSubscription",
        "Register a browser for notifications with its PushSubscription as JSON. Safe to repeat",
        PUSH,
        {201: Answered("Registered, also if it already was", Registered)},
        body=NewSubscription,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/subscriptions",
        "removeSubscription",
        "Unregister a browser. Send its `endpoint` in the body or in the query",
        PUSH,
        {204: Answered("Not registered; also if it never was")},
        body=WhichSubscription,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/subscriptions/{{targetId}}",
        "removeSubscriptionById",
        "Unregister a browser by its id",
        PUSH,
        {204: Answered("Not registered; also if it never was")},
        errors=(LIMITED,),
    ),
    Operation(
        "POST",
        f"{ROOT}/devices",
        "addDevice",
        "Register a device for notifications with its Firebase Cloud Messaging token. Safe to repeat",
        PUSH,
        {201: Answered("Registered, also if it already was", Registered)},
        body=NewDevice,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/devices",
        "removeDevice",
        "Unregister a device. Send its `token` in the body or in the query",
        PUSH,
        {204: Answered("Not registered; also if it never was")},
        body=WhichDevice,
        errors=(LIMITED,),
    ),
    Operation(
        "DELETE",
        f"{ROOT}/devices/{{targetId}}",
        "removeDeviceById",
        "Unregister a device by its id",
        PUSH,
        {204: Answered("Not registered; also if it never was")},
        errors=(LIMITED,),
    ),
    Operation(
        "GET",
        f"{ROOT}/settings",
        "readPushSettings",
        "Show your notification settings",
        PUSH,
        {200: Answered("The settings", PushSettings)},
    ),
    Operation(
        "PATCH",
        f"{ROOT}/settings",
        "changePushSettings",
        "Change what notifications show, when none are sent, and whether a device in use silences the others",
        PUSH,
        {200: Answered("The changed settings", PushSettings)},
        body=PushSettingsPatch,
        errors=(LIMITED, errors.Invalid),
    ),
    Operation(
        "GET",
        f"{ROOT}/outbox",
        "readPushOutbox",
        "Only in development: show your notifications that were not sent because no push service is configured",
        PUSH,
        {200: Answered("Newest first", Outbox)},
        errors=(MISSING,),
    ),
)
