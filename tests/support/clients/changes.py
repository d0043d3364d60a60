"""REST calls for groups and for changes to sent messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import httpx

Body = dict[str, Any]


class ChangeCalls(ABC):
    """The RestClient calls that change something that already exists."""

    @abstractmethod
    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response: ...

    @abstractmethod
    def json(self, method: str, path: str, **kwargs: Any) -> Body: ...

    # -- groups --------------------

    def group(self, name: str = "Group", members: Iterable[int] = (), **more: Any) -> Body:
        body = {"kind": "group", "name": name, "memberIds": list(members), **more}
        return self.json("POST", "/conversations", json=body)

    def change(self, conversation_id: int, **fields: Any) -> Body:
        return self.json("PATCH", f"/conversations/{conversation_id}", json=fields)

    def members(self, conversation_id: int, **params: Any) -> Body:
        return self.json("GET", f"/conversations/{conversation_id}/members", params=params)

    def add(self, conversation_id: int, *user_ids: int) -> Body:
        return self.json("POST", f"/conversations/{conversation_id}/members", json={"userIds": user_ids})

    def remove(self, conversation_id: int, *user_ids: int) -> Body:
        return self.json("DELETE", f"/conversations/{conversation_id}/members", json={"userIds": user_ids})

    def give_role(self, conversation_id: int, user_id: int, role: str) -> Body:
        return self.json("PATCH", f"/conversations/{conversation_id}/members/{user_id}", json={"role": role})

    def leave(self, conversation_id: int) -> None:
        self.request("POST", f"/conversations/{conversation_id}/leave")

    def mute(self, conversation_id: int, until: str | None) -> Body:
        return self.json("PUT", f"/conversations/{conversation_id}/mute", json={"until": until})

    def archive(self, conversation_id: int, archived: bool = True) -> Body:
        return self.json("PUT", f"/conversations/{conversation_id}/archive", json={"archived": archived})

    def keep_on_top(self, conversation_id: int, pinned: bool = True) -> Body:
        return self.json("PUT", f"/conversations/{conversation_id}/pin", json={"pinned": pinned})

    # -- invites --------------------

    def invite(self, conversation_id: int, **options: Any) -> Body:
        return self.json("POST", f"/conversations/{conversation_id}/invites", json=options)

    def invites(self, conversation_id: int) -> list[Body]:
        found: list[Body] = self.json("GET", f"/conversations/{conversation_id}/invites")["invites"]
        return found

    def revoke(self, conversation_id: int, code: str) -> None:
        self.request("DELETE", f"/conversations/{conversation_id}/invites/{code}")

    def join_by(self, code: str) -> Body:
        return self.json("POST", f"/invites/{code}")

    # -- messages --------------------

    def edit(self, id_: str, message: str, conversation_id: int | None = None, **more: str) -> Body:
        return self.json("PATCH", f"/messages/{id_}", json={"message": message, **more}, params=_where(conversation_id))

    def delete(self, id_: str, conversation_id: int | None = None, *, scope: str = "everyone") -> Body:
        return self.json("DELETE", f"/messages/{id_}", params={"scope": scope, **_where(conversation_id)})

    def react(self, id_: str, emoji: str, conversation_id: int | None = None, *, on: bool = True) -> Body:
        path = f"/messages/{id_}/reactions/{quote(emoji, safe='')}"
        return self.json("PUT" if on else "DELETE", path, params=_where(conversation_id))

    def pin(self, id_: str, conversation_id: int | None = None, *, on: bool = True) -> Body:
        return self.json("PUT" if on else "DELETE", f"/messages/{id_}/pin", params=_where(conversation_id))

    def receipts(self, id_: str, conversation_id: int | None = None, **params: Any) -> Body:
        return self.json("GET", f"/messages/{id_}/receipts", params={**params, **_where(conversation_id)})

    def edits(self, id_: str, conversation_id: int | None = None) -> list[Body]:
        found: list[Body] = self.json("GET", f"/messages/{id_}/edits", params=_where(conversation_id))["edits"]
        return found

    def pins(self, conversation_id: int) -> list[Body]:
        found: list[Body] = self.json("GET", f"/conversations/{conversation_id}/pins")["messages"]
        return found

    def search(self, q: str, **params: Any) -> list[Body]:
        found: list[Body] = self.json("GET", "/search", params={"q": q, **params})["messages"]
        return found


def _where(conversation_id: int | None) -> dict[str, int]:
    return {} if conversation_id is None else {"conversationId": conversation_id}
