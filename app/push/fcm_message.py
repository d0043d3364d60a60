"""Builds messages for Firebase Cloud Messaging, for each platform. Title and body are not repeated in `data`."""

from __future__ import annotations

import time
from typing import Any

from firebase_admin.messaging import (
    AndroidConfig,
    AndroidNotification,
    APNSConfig,
    APNSPayload,
    Aps,
    ApsAlert,
    Message,
    Notification,
    WebpushConfig,
    WebpushNotification,
)

from app.core.push_notice import Clear, Notice, as_dict
from app.push.provider import Outgoing

_SHOWN = ("title", "body")
# An app that creates this channel without a sound shows updates silently. Otherwise its default channel decides.
_SILENT: dict[str, Any] = {
    "channel_id": "updates",
    "priority": "low",
    "default_sound": False,
    "default_vibrate_timings": False,
}


def fcm_message(outgoing: Outgoing) -> Message:
    payload = outgoing.payload
    data = {name: _text(value) for name, value in as_dict(payload).items() if name not in _SHOWN}
    platform = outgoing.to.platform
    message = Message(
        data=data,
        notification=Notification(payload.title, payload.body) if isinstance(payload, Notice) else None,
        android=_android(outgoing) if platform == "android" else None,
        apns=_apns(outgoing) if platform == "ios" else None,
        webpush=_webpush(outgoing) if platform == "web" else None,
    )
    # firebase-admin 7.7 deprecates `token` as a constructor argument in favour of installation ids. Client SDKs have
    # tokens, so we set the attribute.
    message.token = outgoing.to.address
    return message


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_silent(payload: Notice | Clear) -> bool:
    return isinstance(payload, Clear) or payload.silent is True


def _android(outgoing: Outgoing) -> AndroidConfig:
    payload = outgoing.payload
    shown = None
    if isinstance(payload, Notice):
        how = _SILENT if _is_silent(payload) else {}
        shown = AndroidNotification(tag=payload.tag, notification_count=payload.badge, **how)
    return AndroidConfig(
        collapse_key=payload.tag,
        priority="normal" if shown is None else "high",
        ttl=outgoing.ttl_seconds,
        notification=shown,
    )


def _apns(outgoing: Outgoing) -> APNSConfig:
    """APNs requires priority 5 and the push type `background` for a silent notification."""
    payload = outgoing.payload
    headers = {"apns-collapse-id": payload.tag, "apns-expiration": str(int(time.time()) + outgoing.ttl_seconds)}
    if isinstance(payload, Clear):
        headers |= {"apns-push-type": "background", "apns-priority": "5"}
        return APNSConfig(headers=headers, payload=APNSPayload(Aps(badge=payload.badge, content_available=True)))
    headers |= {"apns-push-type": "alert", "apns-priority": "10"}
    silent = _is_silent(payload)
    aps = Aps(
        alert=ApsAlert(title=payload.title, body=payload.body),
        sound=None if silent else "default",
        badge=payload.badge,
        thread_id=payload.tag,
        mutable_content=True,
        custom_data={"interruption-level": "passive"} if silent else None,
    )
    return APNSConfig(headers=headers, payload=APNSPayload(aps))


def _webpush(outgoing: Outgoing) -> WebpushConfig:
    payload = outgoing.payload
    urgency = "normal" if _is_silent(payload) else "high"
    headers = {"TTL": str(outgoing.ttl_seconds), "Urgency": urgency, "Topic": payload.tag}
    shown = None
    if isinstance(payload, Notice):
        shown = WebpushNotification(tag=payload.tag, renotify=not _is_silent(payload), silent=_is_silent(payload))
    return WebpushConfig(headers=headers, notification=shown)
