"""Calls of the server API: each one is written once and runs in the synchronous and the asynchronous client.

A method with ``@operation`` returns a ``Call``: what to send. Reached through a synchronous client, the method sends it
and returns the answer; through an asynchronous client, it returns an awaitable.
"""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, overload
from urllib.parse import quote

P = ParamSpec("P")
T = TypeVar("T")

BASE = "/api/v1/server"


class Unset(enum.Enum):
    """The type of ``UNSET``: the field is not sent, so it stays as it is. None removes a value instead."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


def present(**fields: Any) -> dict[str, Any]:
    """Returns the fields that are set, with their names in camelCase."""
    return {_camel(name): value for name, value in fields.items() if value is not UNSET}


def listed(items: Sequence[T] | Unset) -> list[T] | Unset:
    """Returns the items as a list, which JSON can show, or UNSET."""
    return items if isinstance(items, Unset) else list(items)


def encode(body: Any) -> bytes:
    """Returns the body as JSON. Raises TypeError or ValueError if JSON or UTF-8 has no form for it."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True)
class Request:
    """A request that can be sent again: ``repeatable`` says if carrying it out twice is the same as once."""

    method: str
    path: str
    query: Mapping[str, Any]
    content: bytes | None
    content_type: str
    repeatable: bool
    timeout: float | None


class Call(Generic[T]):
    """The variable parts of a request whose answer is a ``T``. ``ids`` fill the placeholders of the path in order."""

    def __init__(
        self,
        *ids: str,
        body: Any = UNSET,
        content: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> None:
        self.ids = ids
        self.body = body
        self.content = content
        self.query = query or {}
        self.timeout = timeout


class SyncCaller:
    """Runs the operations of a synchronous client."""

    def __init__(self, run: Callable[[Request], Any]) -> None:
        self._run = run


class AsyncCaller:
    """Runs the operations of an asynchronous client."""

    def __init__(self, run: Callable[[Request], Awaitable[Any]]) -> None:
        self._run = run


class Operation(Generic[P, T]):
    """One operation of the server API, as a method."""

    def __init__(self, method: str, path: str, repeatable: bool, build: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.method = method
        self.path = path
        self.repeatable = repeatable
        self.build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Operation[P, T]: ...
    @overload
    def __get__(self, client: SyncCaller, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncCaller, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self

        @functools.wraps(self.build)
        def bound(*args: Any, **options: Any) -> Any:
            return client._run(self.request(self.build(client, *args, **options)))

        return bound

    def request(self, call: Call[T]) -> Request:
        content, content_type = call.content, "application/x-ndjson"
        if call.body is not UNSET:
            content, content_type = encode(call.body), "application/json"
        return Request(
            self.method,
            BASE + _fill(self.path, call.ids),
            {name: value for name, value in call.query.items() if value is not None},
            content,
            content_type,
            self.repeatable,
            call.timeout,
        )


def operation(
    method: str, path: str, *, repeatable: bool = True
) -> Callable[[Callable[Concatenate[Any, P], Call[T]]], Operation[P, T]]:
    """Makes a method out of a function that describes a call. ``path`` is under ``/api/v1/server``."""

    def wrap(build: Callable[Concatenate[Any, P], Call[T]]) -> Operation[P, T]:
        return Operation(method, path, repeatable, build)

    return wrap


def _fill(path: str, ids: tuple[str, ...]) -> str:
    parts = iter(ids)
    return "/".join(_encoded(next(parts)) if part.startswith("{") else part for part in path.split("/"))


def _encoded(identifier: str) -> str:
    """Returns the id as one part of a path. A part that is empty, ``.`` or ``..`` would name another path."""
    if not isinstance(identifier, str) or not identifier:
        raise ValueError(f"An id in a path must be a string that is not empty, not {identifier!r}.")
    encoded = quote(identifier, safe="")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
