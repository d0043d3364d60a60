"""The hook before sending: its requests about messages, and its answers."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from app.core.errors import Invalid, ParleyError, Rejected, TooLarge
from app.core.message_view import View
from app.core.metadata import check_metadata

Action = Literal["allow", "rewrite", "reject"]
UNAVAILABLE = "unavailable"
MAX_REASON = 500


class Asked(NamedTuple):
    """A message that a user wants to send. With ``edit``, the message as it would be after the edit. With ``end``, a
    stream with its whole text.

    Either ``conversation_id`` or ``recipient`` is set. Ids are Parley's.
    """

    id: str
    sender_id: int
    message: str
    kind: str
    metadata: dict[str, Any]
    attachments: list[dict[str, Any]]
    conversation_id: int = 0
    recipient: int | str | None = None
    edit: bool = False
    end: bool = False

    @classmethod
    def about(
        cls, view: View, sender_id: int, message: str, metadata: Any, *, edit: bool = False, end: bool = False
    ) -> Asked:
        """Returns the request to the hook about an edit: an existing message with another text or other metadata."""
        return cls(
            id=view["id"],
            sender_id=sender_id,
            message=message,
            kind=view["kind"],
            metadata=metadata or {},
            attachments=view["attachments"],
            conversation_id=view["conversationId"],
            edit=edit,
            end=end,
        )


class Verdict(NamedTuple):
    """``error`` refuses the message; with ``unavailable``, because the hook did not answer. Fields that are UNSET stay
    as they are.
    """

    error: ParleyError | None = None
    message: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    unavailable: bool = False

    def changes(self) -> dict[str, Any]:
        """Returns the fields that the host has rewritten."""
        fields = {"message": self.message, "metadata": self.metadata}
        return {name: value for name, value in fields.items() if value is not UNSET}

    @property
    def action(self) -> Action:
        if self.error is not None:
            return "reject"
        return "allow" if self is ALLOWED else "rewrite"


ALLOWED = Verdict()


class HookResult(Struct, frozen=True):
    action: Action
    message: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    reason: str | None = None


class HookAnswer(Struct, frozen=True):
    results: list[HookResult]


def view_of(asked: Asked, users: dict[int, str], conversations: dict[int, str]) -> dict[str, Any]:
    """Returns the JSON object that the hook gets. The host's own ids are texts; Parley's ids are numbers."""
    view: dict[str, Any] = {
        "id": asked.id,
        "conversation": conversations.get(asked.conversation_id, asked.conversation_id) or None,
        "sender": users.get(asked.sender_id, asked.sender_id),
        "message": asked.message,
        "kind": asked.kind,
        "metadata": asked.metadata,
        "attachments": asked.attachments,
    }
    if asked.recipient is not None:
        known = asked.recipient if isinstance(asked.recipient, str) else users.get(asked.recipient)
        view["recipient"] = known or asked.recipient
    if asked.edit:
        view["edit"] = True
    if asked.end:
        view["end"] = True
    return view


def verdicts_of(answer: Any, asked: list[Asked], max_text: int) -> list[Verdict]:
    """Returns a verdict for each message. Raises ValueError if the answer is malformed, because the hook is then
    broken.
    """
    results = msgspec.convert(answer, HookAnswer).results
    msgspec.json.encode(results)  # an installed function may return text that is not valid Unicode
    if len(results) != len(asked):
        raise ValueError(f"{len(results)} results for {len(asked)} messages")
    return [_verdict(result, one, max_text) for result, one in zip(results, asked, strict=True)]


def _verdict(result: HookResult, asked: Asked, max_text: int) -> Verdict:
    if result.action == "reject":
        return Verdict(refusal((result.reason or "")[:MAX_REASON]))
    if result.action == "allow":
        return ALLOWED
    text, metadata = result.message, result.metadata
    if isinstance(text, str) and (len(text) > max_text or "\0" in text or not (text or asked.attachments)):
        raise ValueError("a rewritten text is empty or too long")
    if isinstance(metadata, dict):
        try:
            check_metadata(metadata)
        except (Invalid, TooLarge) as error:
            raise ValueError(f"rewritten metadata: {error.message}") from None
    return Verdict(message=text, metadata=metadata)


def refusal(reason: str) -> Rejected:
    return Rejected(**({"reason": reason} if reason else {}))
