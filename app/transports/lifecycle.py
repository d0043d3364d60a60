"""When a web process begins and ends to serve sessions; called by gunicorn.conf.py."""

from __future__ import annotations

import gc

from flask import Flask

from app.container import Container, gateway_of
from app.transports.gateway import Gateway

_gateways: list[Gateway] = []


def start_gateway(app: Flask) -> None:
    """In the worker, after the fork: begin to listen."""
    parley: Container = app.extensions["parley"]
    _gateways.append(gateway_of(parley))
    # What is loaded now stays: the collector need not look at it again, and young garbage is mostly acyclic.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def drain_gateway(seconds: float) -> None:
    """Close every session with 1001 and sign off; returns within ``seconds``."""
    for gateway in _gateways:
        gateway.drain(min(seconds, 1.0))
