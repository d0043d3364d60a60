"""The contract of every push provider: one outcome per notification, in order, and no exception.

The real providers, the local twin of development and the in-memory twin pass these tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.core.push_notice import Clear, Notice
from app.push.local_twin import LocalTwin
from app.push.provider import Address, Outgoing, Provider

# The provider, a notification to send by it, and a function that returns the payloads of the delivered ones.
Case = tuple[Provider, Outgoing, Callable[[], list[dict[str, Any]]]]

NOTICE = Notice(
    conversation_id=5,
    message_id="018f4e2a-0000-7000-8000-000000000001",
    seq=3,
    title="Ann",
    body="Hello",
    unread=2,
    badge=4,
    tag="conversation-5",
    sent_at="2026-01-01T00:00:00.000Z",
    sender_id=1,
)
CLEAR = Clear(5, "conversation-5", 0)


class ProviderContract:
    """Subclasses define the fixture ``case``."""

    def test_sent_notification_arrives_unchanged(self, case: Case) -> None:
        provider, outgoing, arrived = case
        outcomes = provider.send([outgoing, outgoing._replace(payload=CLEAR)])
        assert [outcome.result for outcome in outcomes] == ["sent", "sent"]
        by_type = {payload["type"]: payload for payload in arrived()}
        assert set(by_type) == {"message", "clear"}
        for payload, sent in ((by_type["message"], NOTICE), (by_type["clear"], CLEAR)):
            assert payload["tag"] == sent.tag
            assert str(payload["badge"]) == str(sent.badge)

    def test_empty_batch_does_nothing(self, case: Case) -> None:
        provider, _, arrived = case
        assert provider.send([]) == []
        assert arrived() == []

    def test_failed_notification_does_not_affect_the_others(self, case: Case) -> None:
        provider, outgoing, arrived = case
        bad = outgoing
        if not isinstance(provider, LocalTwin):  # it accepts everything
            bad = outgoing._replace(to=Address(1, 9, outgoing.to.platform, "x", "", "", ""))
        outcomes = provider.send([outgoing, bad, outgoing])
        assert len(outcomes) == 3
        assert outcomes[0].result == outcomes[2].result == "sent"
        assert (outcomes[1].result == "sent") == (bad is outgoing)
        assert len(arrived()) >= 2
