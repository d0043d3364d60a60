"""The server API, as the server of a host calls it."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import httpx

from tests.support.clients.rest import Account, RestClient


class HostClient(RestClient):
    """Paths are below /api/v1/server. ``token`` is a server key."""

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.request(method, f"/server{path}", **options)

    def answer(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        body: dict[str, Any] = self.call(method, path, **options).json()
        return body

    def put_user(self, external_id: str, **fields: Any) -> dict[str, Any]:
        return self.answer("PUT", user_path(external_id), json=fields)

    def new_account(self, **fields: Any) -> tuple[str, Account]:
        """Returns the external id and the account of a new user, signed in with tokens from the server API."""
        external_id = f"ext-{uuid.uuid4().hex[:12]}"
        self.put_user(external_id, **fields)
        return external_id, self.sign_in(external_id, refresh=True)

    def new_group(self, *members: str, **fields: Any) -> dict[str, Any]:
        """Returns a new group of these users, which has an external id of its own."""
        body = {"kind": "group", "name": "Room", "members": list(members), **fields}
        return self.answer("PUT", f"/conversations/room-{uuid.uuid4().hex[:12]}", json=body)

    def sign_in(self, external_id: str, **wanted: Any) -> Account:
        made = self.answer("POST", f"{user_path(external_id)}/tokens", json=wanted)
        user = made["user"]
        return Account(user["id"], user["username"], "", made["accessToken"], made.get("refreshToken", ""))


def user_path(external_id: str) -> str:
    return f"/users/{quote(external_id, safe='')}"
