"""Facts of the request that this greenlet serves and that hold for everything it does."""

from __future__ import annotations

from contextvars import ContextVar

_address: ContextVar[str] = ContextVar("address", default="")


def current_address() -> str:
    """Returns the client's address as far as our own proxies report it; "" outside of a request."""
    return _address.get()


def set_address(address: str) -> None:
    _address.set(address)
