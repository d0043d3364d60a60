"""Builds messages for Firebase Cloud Messaging, for each platform. Title and body are not repeated in `data`."""

from __future__ import annotations

import time

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


def fcm_message(outgoing: Outgoing) -> Message:
    payload = outgoing.payload
    data = {name: str(value) for name, value in as_dict(payload).items() if name not in _SHOWN}
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


def _android(outgoing: Outgoing) -> AndroidConfig:
    payload = outgoing.payload
    shown = (
        AndroidNotification(tag=payload.tag, notification_count=payload.badge) if isinstance(payload, Notice) else None
    )
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
    aps = Aps(
        alert=ApsAlert(title=payload.title, body=payload.body),
        sound="default",
        badge=payload.badge,
        thread_id=payload.tag,
        mutable_content=True,
    )
    return APNSConfig(headers=headers, payload=APNSPayload(aps))


def _webpush(outgoing: Outgoing) -> WebpushConfig:
    payload = outgoing.payload
    urgency = "high" if isinstance(payload, Notice) else "normal"
    headers = {"TTL": str(outgoing.ttl_seconds), "Urgency": urgency, "Topic": payload.tag}
    shown = WebpushNotification(tag=payload.tag, renotify=True) if isinstance(payload, Notice) else None
    return WebpushConfig(headers=headers, notification=shown)
