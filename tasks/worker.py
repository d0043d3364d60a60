"""A worker: ``python -m tasks.worker``, for the queues of WORKER_QUEUES (all by default).

Celery's own command line (``celery -A tasks worker``) does the same, but loads a shell with an editor: 10 MiB.
"""

from __future__ import annotations

import os
import socket
import sys

from tasks import celery_app


def main() -> None:
    worker = celery_app.Worker(
        hostname=f"worker-{os.getpid()}@{socket.gethostname()}",
        queues=os.environ.get("WORKER_QUEUES") or [queue.name for queue in celery_app.conf.task_queues],
        loglevel="INFO",
        quiet=True,
        without_gossip=True,  # we do not use events between workers
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main()
