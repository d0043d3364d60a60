"""Users by your own ids: profiles, tokens, sign-ins, suspensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from parley_sdk.calls import UNSET, AsyncCaller, Call, SyncCaller, Unset, operation, present
from parley_sdk.models import Accepted, Ending, Json, Suspension, Tokens, User, UserFields, UserList

USER = "/users/{externalId}"


class UserOperations:
    @operation("PUT", USER)
    def put(
        self,
        external_id: str,
        *,
        display_name: str | Unset = UNSET,
        username: str | Unset = UNSET,
        avatar_url: str | Unset | None = UNSET,
        email: str | Unset | None = UNSET,
        locale: str | Unset | None = UNSET,
        metadata: Json | Unset | None = UNSET,
    ) -> Call[User]:
        """Creates the user, or changes the given fields. If nothing differs, nothing is written."""
        body = present(
            display_name=display_name,
            username=username,
            avatar_url=avatar_url,
            email=email,
            locale=locale,
            metadata=metadata,
        )
        return Call(external_id, body=body)

    @operation("POST", "/users")
    def put_many(self, users: Sequence[UserFields]) -> Call[UserList]:
        """Creates or changes up to 1,000 users: either all of them or none."""
        return Call(body={"users": list(users)})

    @operation("GET", USER)
    def get(self, external_id: str) -> Call[User]:
        """Returns the user. Raises NotFound."""
        return Call(external_id)

    @operation("DELETE", USER)
    def delete(self, external_id: str, *, messages: Literal["keep", "erase"] | None = None) -> Call[Accepted]:
        """Deletes the user; ``messages`` says whether the texts of their messages are erased as well."""
        return Call(external_id, query={"messages": messages})

    @operation("POST", f"{USER}/tokens")
    def issue_tokens(
        self, external_id: str, *, expires_in: int | Unset = UNSET, refresh: bool | Unset = UNSET
    ) -> Call[Tokens]:
        """Signs the user in: returns an access token, and a refresh token if ``refresh``."""
        return Call(external_id, body=present(expires_in=expires_in, refresh=refresh))

    @operation("POST", f"{USER}/sessions/end")
    def end_sessions(self, external_id: str) -> Call[Ending | None]:
        """Ends all sign-ins of the user. Returns None if none is left."""
        return Call(external_id)

    @operation("PUT", f"{USER}/suspension")
    def suspend(
        self,
        external_id: str,
        *,
        until: str | Unset | None = UNSET,
        reason: str | Unset | None = UNSET,
        shadow: bool | Unset = UNSET,
    ) -> Call[Suspension]:
        """Suspends the user, until a time (RFC 3339) or for good."""
        return Call(external_id, body=present(until=until, reason=reason, shadow=shadow))

    @operation("DELETE", f"{USER}/suspension")
    def unsuspend(self, external_id: str) -> Call[None]:
        """Ends the suspension; does nothing if there is none."""
        return Call(external_id)


class Users(UserOperations, SyncCaller):
    """The users of a ``ParleyServer``."""


class AsyncUsers(UserOperations, AsyncCaller):
    """The users of an ``AsyncParleyServer``."""
