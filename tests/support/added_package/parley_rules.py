"""A policy by display names, so that a test can change the rights of a user."""

from __future__ import annotations

from collections.abc import Sequence

from app.policy import Answer, Person, Place, Policy


class Rules(Policy):
    def may_open_direct(self, user: Person, other: Person) -> Answer:
        if user.display_name.startswith("Guest") and other.display_name.startswith("Guest"):
            return f"Guest {user.external_id} cannot write to guest {other.external_id}."
        return True

    def may_write(self, user: Person, place: Place) -> Answer:
        if user.display_name.startswith("Broken"):
            raise RuntimeError("the rules are broken")
        if user.display_name.startswith("Odd"):
            return None  # type: ignore[return-value]
        if place.other is not None and place.other.display_name.startswith("Closed"):
            return f"{place.other.username} is closed ({place.kind})."
        return not user.display_name.startswith("Muted")

    def may_add(self, user: Person, others: Sequence[Person], group: Place | None) -> Answer:
        return not any(other.display_name.startswith("Shy") for other in others) or user.display_name == "Boss"

    def may_join(self, user: Person, group: Place) -> Answer:
        return not user.display_name.startswith("Guest")


RULES = Rules("rules")
OTHER_RULES = Rules("other-rules")
