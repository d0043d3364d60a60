"""Makes the hook before sending, if one is configured."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy import Engine

from app.coalescer import RunBlocking
from app.config import Settings
from app.services.messaging.before_send import CALLS_AT_ONCE, BeforeSend, HookQueue
from app.services.messaging.call_before_send import before_send_call
from app.store.postgres_time import PostgresTime
from app.work_threads import WorkThreads


class Hook(NamedTuple):
    """Both are None if there is no hook. ``queue`` is for messages, ``edits`` for edits, which may block."""

    queue: HookQueue | None = None
    edits: BeforeSend | None = None


def make_before_send(settings: Settings, engine: Engine, counters: Counter[str], run_blocking: RunBlocking) -> Hook:
    """Raises ConfigError. An installed function runs in a thread: it may block in ways that gevent cannot mend."""
    threads = WorkThreads(CALLS_AT_ONCE)
    call = before_send_call(
        settings,
        lambda function, messages, seconds: threads.run_for(seconds, function, messages),
        PostgresTime(engine).seconds,
    )
    if call is None:
        return Hook()
    hook = BeforeSend(
        call,
        engine=engine,
        max_text=settings.max_text,
        allow_on_failure=settings.before_send_failure == "allow",
        counters=counters,
    )
    return Hook(HookQueue(hook, run_blocking), hook)
