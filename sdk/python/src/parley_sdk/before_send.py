"""The hook before sending: your server may allow, rewrite or reject each message before Parley sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from parley_sdk.calls import UNSET, Unset, present
from parley_sdk.models import Json

Decision = dict[str, Any]
# Gets a message as Parley sends it: id, conversation, sender, message, kind, metadata, attachments.
Decide = Callable[[Json], Decision | None]


def allow() -> Decision:
    """The message is sent as it is. None means the same."""
    return {"action": "allow"}


def rewrite(*, message: str | Unset = UNSET, metadata: Json | Unset | None = UNSET) -> Decision:
    """The message is sent with another text, other metadata or both."""
    return {"action": "rewrite", **present(message=message, metadata=metadata)}


def reject(reason: str | Unset = UNSET) -> Decision:
    """The sender gets ``rejected`` with the reason."""
    return {"action": "reject", **present(reason=reason)}


def decide_all(request: Mapping[str, Any], decide: Decide) -> Json:
    """Returns the answer to a request of Parley (``Webhook.verify_payload``): one decision for each message."""
    return {"results": [decide(message) or allow() for message in request["messages"]]}
