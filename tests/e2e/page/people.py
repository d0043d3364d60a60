"""Users for the browser tests. They register over the API, and use it for everything that needs no window."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.patience import PATIENCE

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Somebody:
    id: int
    username: str
    name: str
    api: httpx.Client

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.api.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def say(self, conversation_id: int, text: str, **more: Any) -> dict[str, Any]:
        body = {"conversationId": conversation_id, "message": text, **more}
        said: dict[str, Any] = self.call("POST", "/messages", json=body)
        return said

    def upload(self, conversation_id: int, name: str, content: bytes) -> dict[str, str]:
        """Uploads a file of the type that its name says. Returns the attachment for a message."""
        form = {"conversationId": str(conversation_id)}
        made = self.call("POST", "/media", data=form, files={"file": (name, content)})
        return {"mediaId": made["mediaId"]}

    def direct(self, other: Somebody) -> int:
        return int(self.call("POST", "/conversations", json={"kind": "direct", "userId": other.id})["id"])

    def group(self, name: str, *others: Somebody) -> int:
        new = {"kind": "group", "name": name, "memberIds": [other.id for other in others]}
        return int(self.call("POST", "/conversations", json=new)["id"])

    def history(self, conversation_id: int, **where: int) -> list[dict[str, Any]]:
        """Returns the newest 100 messages, or those ``after`` or ``before`` a seq."""
        found: list[dict[str, Any]] = self.call(
            "GET", f"/conversations/{conversation_id}/messages", params={"limit": 100, **where}
        )["messages"]
        return found


class People:
    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._clients: list[httpx.Client] = []

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def new(self, name: str) -> Somebody:
        """Registers a user with this display name and a unique username made from it."""
        number = next(_numbers)
        username = f"{name.split(maxsplit=1)[0].lower()}-{number}"
        account = {"username": username, "password": PASSWORD, "displayName": name}
        with httpx.Client(base_url=f"{self.base_url}/api/v1", trust_env=False, timeout=PATIENCE) as client:
            answer = client.post("/auth/register", json=account)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        headers = {"Authorization": f"Bearer {made['accessToken']}"}
        api = httpx.Client(base_url=f"{self.base_url}/api/v1", headers=headers, trust_env=False, timeout=PATIENCE)
        self._clients.append(api)
        return Somebody(made["user"]["id"], username, name, api)

    def pair(self) -> tuple[Somebody, Somebody, int]:
        """Returns two users and their direct conversation."""
        ann, ben = self.new("Ann Archer"), self.new("Ben Baker")
        return ann, ben, ann.direct(ben)
