"""Connections to a primary that may change. They find the new one after a failover.

Each connect looks up the primary. If a server answers that it is not the primary, the connection is closed, so that the
next command looks it up again. Callers get a ConnectionError, as from a server that does not answer.
"""

from __future__ import annotations

from typing import Any, Protocol

import redis

Place = tuple[str, int]


class WrongAddressError(redis.ConnectionError):
    """The servers of an address answered, but they are of another kind than the address says. Trying again will not
    help.
    """


class Primary(Protocol):
    """``found`` is the newest answer. Threads and greenlets may share it."""

    found: Place | None

    def find(self) -> Place:
        """Returns host and port. Raises ConnectionError if nobody names the primary."""
        ...

    def doubt(self) -> None:
        """Makes the next ``find`` call another server first, because the answer was not up to date."""
        ...


class PrimaryConnection(redis.Connection):
    """Raises ConnectionError if there is no primary at the moment."""

    def __init__(self, *, primary: Primary, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._primary = primary

    def connect(self) -> None:
        """Called before each use of a pooled connection. Closes the connection if its server is no longer the primary:
        if that server is gone, a command would wait for its timeout.
        """
        if self.is_connected and self.is_elsewhere():
            self.disconnect()  # type: ignore[no-untyped-call]
        super().connect()  # type: ignore[no-untyped-call]

    def is_elsewhere(self) -> bool:
        return (self.host, self.port) != self._primary.found

    def _connect(self) -> Any:
        self.host, self.port = self._primary.find()
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        except OSError:
            self._primary.doubt()
            raise

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Closes the connection and raises ConnectionError if the answer shows that the server is not the primary."""
        try:
            return super().read_response(*args, **options)
        except redis.ResponseError as error:
            if not self.refuses(error):
                raise
            self.disconnect()  # type: ignore[no-untyped-call]
            raise redis.ConnectionError(f"the server is no longer the primary ({error})") from error

    @staticmethod
    def refuses(error: redis.ResponseError) -> bool:
        """Returns whether the server refused because it has become a replica or lost its replicas."""
        return isinstance(error, redis.ReadOnlyError) or str(error).startswith(("READONLY", "NOREPLICAS"))
