"""gunicorn: one gevent worker a gateway. Read before patching: nothing here imports Flask or a driver.

The hooks hand over to ``app.transports.lifecycle``, which is imported inside them, in the worker, after
patching.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from typing import Any

from gunicorn.http.unreader import SocketUnreader

from app.logs import logging_config

# A platform gives the port; 8000 is gunicorn's own default.
bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"

# gevent: a session costs kilobytes, not a thread. gunicorn's own gevent worker patches before it loads
# wsgi.py.
worker_class = "gevent"

# Each is a gateway with its own pools: (db_pool_size × gateways) must stay below the plan's connection limit.
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)

# Requests at once. Sessions leave gunicorn's pool after their handshake, so this bounds REST calls and
# handshakes alone; when it is full nothing is accepted, health checks included.
worker_connections = int(os.environ.get("WORKER_CONNECTIONS") or 2000)

# Handshakes that wait while a storm of reconnecting clients is accepted; the kernel cuts it at
# net.core.somaxconn.
backlog = 2048

# A platform kills 30 s after SIGTERM: the drain has 15 s (below), the arbiter kills at 20.
graceful_timeout = 20
DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS") or 15)

# A gateway that did not turn its loop for 30 s holds sessions it does not serve.
timeout = 30

# Off: a replacement is spawned only after the old worker has gone, and every session is cut (measured: HTTP
# stalled 6 s).
max_requests = 0

# Of a body, read from the socket at once. gunicorn's own 1 MiB is copied anew at each read of 64 KiB that an
# upload makes of it: 5 ms of a process in which thousands wait.
SocketUnreader.max_body_chunk = 64 * 1024

# Longer than a client's pause between two sends, or every REST send pays a new connection.
keepalive = 20

# A ticket or a cursor fits; a body is bounded by MAX_CONTENT_LENGTH, a frame by its codec.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# psycopg and ssl must be imported after patching, and a forked copy of a loaded app would share its
# connections.
preload_app = False

# One listener, shared by the workers: with SO_REUSEPORT a dying gateway would take its queued handshakes
# with it.
reuse_port = False

# Opened by default under the home directory; whoever reaches it may stop the server.
control_socket_disable = True

# Only whether X-Forwarded-Proto is believed by gunicorn itself; addresses are TRUSTED_PROXIES' matter
# (app/factory.py).
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS") or "127.0.0.1"

# The heartbeat file on a disk may block a worker for seconds; /dev/shm is memory.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn uses mkstemp

# One format for all processes. The application writes its access line itself; where a platform turns
# gunicorn's on (GUNICORN_CMD_ARGS), it names the path alone: a query string may hold a ticket.
logconfig_dict = logging_config(production=os.environ.get("APP_ENV") == "production")
accesslog = None
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'

# Acknowledgements by the kernel, not by the application: a peer that is gone, or whose window stays shut,
# is dropped.
PEER_TIMEOUT_MS = 30_000
OPEN_FILES = 65_536


def on_starting(server: Any) -> None:
    """Room for the sockets: the usual soft limit of 1,024 (macOS: 256) is below what a gateway holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft < wanted:
        # macOS reports "unlimited" and refuses more than kern.maxfilesperproc.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    server.log.info("open files: %d", resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def when_ready(server: Any) -> None:
    """Set on the listener what every accepted connection inherits."""
    for listener in server.LISTENERS:
        if listener.FAMILY in (socket.AF_INET, socket.AF_INET6):
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; elsewhere the write timeout of the outbox remains
                listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_TIMEOUT_MS)


def post_worker_init(worker: Any) -> None:
    """Start the gateway, and the greenlet that drains it as soon as the worker is told to stop.

    gunicorn's own timer comes too late: its arbiter kills first, and sessions end without a close frame.
    """
    import gevent  # noqa: PLC0415 - after patching

    from app.transports import lifecycle  # noqa: PLC0415

    lifecycle.start_gateway(worker.app.wsgi())

    def drain_when_told() -> None:
        while worker.alive:
            gevent.sleep(0.1)
        lifecycle.drain_gateway(DRAIN_SECONDS)

    worker.parley_drain = gevent.spawn(drain_when_told)


def worker_exit(_server: Any, worker: Any) -> None:
    """Sessions are detached from gunicorn's pool, so its loop ends at once: wait until they are closed."""
    drain = getattr(worker, "parley_drain", None)
    if drain is not None:
        worker.alive = False
        drain.join(timeout=DRAIN_SECONDS + 1)
