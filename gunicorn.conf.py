"""gunicorn's settings: each gevent worker is one gateway.

gunicorn reads this file before gevent patches the process, so nothing here imports Flask or a driver. The hooks import
gevent in the worker, after patching.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Any

from gunicorn.http.unreader import SocketUnreader

# An application of a host is started in another directory.
if str(Path(__file__).parent) not in sys.path:
    sys.path.append(str(Path(__file__).parent))

from app.logs import logging_config
from app.web_refusal import let_workers_refuse

# The platform sets the port; 8000 is gunicorn's own default.
# `make run` sets HOST=127.0.0.1. On a platform the router reaches the process by an address of the machine.
_host = os.environ.get("HOST") or "0.0.0.0"  # noqa: S104
bind = f"{f'[{_host}]' if ':' in _host else _host}:{os.environ.get('PORT') or '8000'}"

# With gevent, a session costs kilobytes instead of a thread. gunicorn's gevent worker patches before it loads wsgi.py.
worker_class = "app.web_worker.Worker"

# Each worker is a gateway with its own pools. db_pool_size × gateways must stay below the connection limit of the plan.
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)

# Concurrent requests, of which one address may have half. Sessions leave gunicorn's pool after their handshake and
# waiting polls are not counted, so this bounds only REST calls and handshakes. When it is reached, only health checks
# are answered (app/web_worker.py).
worker_connections = int(os.environ.get("WORKER_CONNECTIONS") or 2000)

# Handshakes that may wait while a storm of reconnecting clients is accepted. The kernel limits it to
# net.core.somaxconn.
backlog = 2048

# A platform kills 30 s after SIGTERM. Closing the sessions may take 15 s (below), and the arbiter kills at 20 s.
graceful_timeout = 20
DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS") or 15)

# A gateway whose event loop has not run for 30 s holds sessions that it does not serve.
timeout = 30

# Off: the replacement starts only after the old worker has ended, and every session is cut (measured: HTTP stalled for
# 6 s).
max_requests = 0

# The largest read of a body from the socket. With gunicorn's 1 MiB, each of an upload's reads of 64 KiB copies the rest
# again: 5 ms in a process in which thousands wait.
SocketUnreader.max_body_chunk = 64 * 1024

# Longer than a client's pause between two sends. Otherwise every REST send opens a new connection.
keepalive = 20

# Tickets and cursors fit. MAX_CONTENT_LENGTH bounds a body, and the codec bounds a frame.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# psycopg and ssl must be imported after patching, and forked copies of a loaded application would share its
# connections.
preload_app = False

# The workers share one listener. With SO_REUSEPORT, the queued handshakes of a dying gateway would be lost with it.
reuse_port = False

# By default it opens under the home directory, and anybody who can reach it can stop the server.
control_socket_disable = True

# Controls only whether gunicorn itself trusts X-Forwarded-Proto. TRUSTED_PROXIES controls addresses (app/factory.py).
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS") or "127.0.0.1"

# A heartbeat file on a disk may block a worker for seconds; /dev/shm is memory.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn uses mkstemp

# All processes share one format. The application writes the access log itself. If a platform turns on gunicorn's
# (GUNICORN_CMD_ARGS), it contains only the path, because a query string may contain a ticket.
logconfig_dict = logging_config(production=os.environ.get("APP_ENV") == "production")
accesslog = None
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'

# TCP acknowledgements that the kernel waits for: a peer that is gone, or whose window stays closed, is dropped.
PEER_TIMEOUT_MS = 30_000
OPEN_FILES = 65_536


def on_starting(server: Any) -> None:
    """Raises the limit of open files: the usual 1,024 (macOS: 256) is less than a gateway needs for its sockets. Also
    prepares for workers that refuse to start.
    """
    let_workers_refuse(server)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft < wanted:
        # macOS reports "unlimited" but refuses more than kern.maxfilesperproc.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    server.log.info("open files: %d", resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def when_ready(server: Any) -> None:
    """Sets the TCP options on the listener; every accepted connection inherits them."""
    for listener in server.LISTENERS:
        if listener.FAMILY in (socket.AF_INET, socket.AF_INET6):
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux only; elsewhere the write timeout of the outbox applies
                listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_TIMEOUT_MS)


def pre_fork(_server: Any, _worker: Any) -> None:
    """Keeps the arbiter's pages shared with its workers: a collection in a worker would write to every object."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Starts the gateways, and a greenlet that closes their sessions as soon as the worker must stop.

    gunicorn's own timer is too late: its arbiter kills first, and sessions end without a close frame. The application
    may be a host's that has mounted Parley, so the gateways are found without it.
    """
    import gevent  # noqa: PLC0415 - after patching

    from app.applications import containers  # noqa: PLC0415
    from app.config import ConfigError  # noqa: PLC0415
    from app.redis_check import check_redis_addresses  # noqa: PLC0415
    from app.shard_check import AGAIN_SECONDS, check_shard_count  # noqa: PLC0415
    from app.transports.plain_door import plain_door_of  # noqa: PLC0415
    from app.web_refusal import refuse_to_start  # noqa: PLC0415

    def passes(check: Any, settings: Any) -> Any:
        try:
            return check(settings)
        except ConfigError as error:
            refuse_to_start(error)

    def check_shards_again(settings: Any) -> None:
        """Postgres may have been away, or the number of shards was being raised when this gateway started."""
        gevent.sleep(AGAIN_SECONDS)
        while not passes(check_shard_count, settings):
            gevent.sleep(AGAIN_SECONDS)

    for container in containers():
        passes(check_redis_addresses, container.settings)
        passes(check_shard_count, container.settings)
        gevent.spawn(check_shards_again, container.settings)
        if container.gateway is not None:
            container.gateway.start()
    worker.plain_door = plain_door_of(worker.wsgi, worker.cfg)
    # The objects loaded so far stay, so the collector need not visit them again. Young garbage is mostly acyclic.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)

    def drain_on_stop() -> None:
        while worker.alive:
            gevent.sleep(0.1)
        gateways = [container.gateway for container in containers() if container.gateway is not None]
        gevent.joinall([gevent.spawn(gateway.drain, min(DRAIN_SECONDS, 1.0)) for gateway in gateways])

    worker.parley_drain = gevent.spawn(drain_on_stop)


def worker_exit(_server: Any, worker: Any) -> None:
    """Waits until the sessions are closed. gunicorn does not wait, because sessions are not in its pool."""
    drain = getattr(worker, "parley_drain", None)
    if drain is not None:
        worker.alive = False
        drain.join(timeout=DRAIN_SECONDS + 1)
