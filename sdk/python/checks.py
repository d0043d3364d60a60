"""Only for mypy, which `make check` runs: the methods of both clients have the types that their users see."""

from __future__ import annotations

from typing import assert_type

from parley_sdk import AsyncParleyServer, ParleyServer
from parley_sdk.models import Ack, Tokens, User


def check_synchronous(server: ParleyServer) -> None:
    assert_type(server.users.put("4711", display_name="Ann"), User)
    assert_type(server.users.issue_tokens("4711", refresh=True), Tokens)
    assert_type(server.users.unsuspend("4711"), None)
    assert_type(server.messages.send("Hello", conversation="order-1"), Ack)
    server.users.put("4711", colour="red")  # type: ignore[call-arg]
    server.users.put(4711)  # type: ignore[arg-type]


async def check_asynchronous(server: AsyncParleyServer) -> None:
    assert_type(await server.users.put("4711", email=None), User)
    assert_type(await server.messages.send("Hello", recipient="4711", sender="4712"), Ack)
    server.messages.send("Hello")["id"]  # type: ignore[index]
