"""Stand-ins for the services outside of a cluster: FCM, a storage of media, and a host's server that gets webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.faults.stored import Stored
from tests.support.clients import HostClient
from tests.support.cloudinary import FakeCloudinary
from tests.support.fcm_server import FcmServer, fcm_server
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver

KEY = "the-key-of-a-host-for-the-tests-of-faults"
MEDIA_LEASE_SECONDS = 40  # another worker takes a dead worker's medium after this; by default 90 s


class Outside:
    def __init__(self, fcm: FcmServer, storage: FakeCloudinary, host: WebhookReceiver) -> None:
        self.fcm, self.storage, self.host = fcm, storage, host
        self._webhooks: list[int] = []
        self.expected: tuple[str, ...] = ()  # parts of failures that belong to the fault

    def settings(self) -> dict[str, str]:
        return {
            **self.fcm.settings(),
            "PUSH_SPACING_SECONDS": "1",
            "CLOUDINARY_URL": self.storage.url,
            "MEDIA_LEASE_SECONDS": str(MEDIA_LEASE_SECONDS),
            "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
            "SERVER_API_KEY": KEY,
        }

    def subscribe(self, url: str) -> None:
        """Has the running server send webhooks for every message."""
        path = f"/hook-{len(self.host.secrets)}"
        with closing(HostClient(url, KEY)) as server:
            made = server.answer("POST", "/webhooks", json={"url": self.host.url(path), "types": ["message.created"]})
        self.host.secrets[path] = made["secret"]
        self._webhooks.append(made["webhookId"])

    def retry_webhooks(self, url: str) -> None:
        """Acts as an operator whose host has refused webhooks, because the next try may be ten minutes away."""
        with closing(HostClient(url, KEY)) as server:
            for webhook in self._webhooks:
                server.answer("PATCH", f"/webhooks/{webhook}", json={"state": "on"})

    def forget_expected(self) -> None:
        """Called when the fault is over: nothing more is expected, and earlier deliveries belong to no later test."""
        for failures in self._failures():
            failures[:] = [failure for failure in failures if not self._is_expected(failure)]
        self.expected = ()

    def _failures(self) -> tuple[list[str], ...]:
        return self.fcm.failures, self.storage.refusals, self.host.failures

    def _is_expected(self, failure: str) -> bool:
        return any(part in failure for part in self.expected)

    def violations(self, devices: dict[int, str], stored: Stored) -> list[str]:
        """``devices``: user -> token, of users who are never online."""
        pushed = {
            (user, int(data["conversationId"]), int(data["seq"])): data["messageId"]
            for user, token in devices.items()
            for data in (message["data"] for message in self.fcm.to(token))
            if data["type"] == "message"
        }
        arrived = {event["data"]["id"] for event in self.host.of("message.created")}
        lost = [f"no webhook about message {row.id}" for row in stored.rows if row.id not in arrived]
        failures = [failure for failures in self._failures() for failure in failures if not self._is_expected(failure)]
        media = {media_id for of_message in stored.files.values() for media_id in of_message}
        lost += [f"medium {media_id} is not in the storage" for media_id in media if not self.storage.of(media_id)]
        return [*push_violations(devices, pushed, stored), *lost, *failures]


def push_violations(devices: Iterable[int], pushed: dict[tuple[int, int, int], str], stored: Stored) -> Iterator[str]:
    """``pushed``: (user, conversation, seq) -> message id. A device shows the newest message of each conversation, so a
    notification covers the messages before it.
    """
    ids = {(row.conversation_id, row.seq): row.id for row in stored.rows}
    for (user, conversation, seq), id_ in pushed.items():
        if ids.get((conversation, seq)) != id_ or user not in stored.members.get(conversation, ()):
            yield f"user {user} was notified of {id_}, seq {seq} of {conversation}, which is not theirs"
    for user in devices:
        for conversation in (c for c, members in stored.members.items() if user in members):
            theirs = [row for row in stored.rows if row.conversation_id == conversation and row.sender_id != user]
            newest = max((row.seq for row in theirs if row.kind != "system"), default=0)
            last = max((seq for who, where, seq in pushed if (who, where) == (user, conversation)), default=0)
            if last < newest:
                yield f"user {user} was notified of {conversation} up to {last}, its newest message is {newest}"


@contextmanager
def outside_world() -> Iterator[Outside]:
    with ExitStack() as stack:
        fcm = stack.enter_context(fcm_server())
        storage = stack.enter_context(FakeCloudinary(timeout=20.0))
        yield Outside(fcm, storage, stack.enter_context(webhook_receiver()))
