"""Blinker signals of verified webhooks. The sender is the application; ``event`` is the ``WebhookEvent``.

@signal_for("message.created").connect
def notify(app, event): ...
"""

from __future__ import annotations

from blinker import NamedSignal, Namespace

_signals = Namespace()
# Every webhook, of any type.
webhook_received = _signals.signal("parley-webhook-received")


def signal_for(event_type: str) -> NamedSignal:
    """Returns the signal of a type of webhook, such as ``message.created``."""
    return _signals.signal(f"parley:{event_type}")
