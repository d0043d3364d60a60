"""The gateway of one web process: what runs for its sessions, and the services that need it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
from gevent.monkey import is_module_patched
from redis import Redis
from redis.exceptions import RedisError

from app.core.errors import ParleyError
from app.fanout.listener import Listener
from app.fanout.presence import sign_off
from app.gateway.activity import Activity
from app.gateway.blocking import BlockingPool
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.gateway.timers import Timers
from app.message_log.append import Append
from app.message_log.confirmations import Confirmations
from app.message_log.shards import Shards
from app.redis_batch import Batcher
from app.services.groups.add_members import MemberAdder
from app.services.groups.invites import Invites
from app.services.groups.requests import Requests
from app.services.messaging.append_stream import StreamAppender
from app.services.messaging.change_message import MessageEditor
from app.services.messaging.move_mark import MarkMover
from app.services.messaging.send_event import EventSender
from app.services.messaging.send_message import MessageSender
from app.services.messaging.show_typing import TypingNotifier
from app.services.messaging.submit_change import ChangeSubmitter
from app.services.metrics.metrics_snapshot import Snapshot, gateway_snapshot
from app.services.metrics.publish_metrics import publish
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.conversation_media import ConversationMedia
from app.services.reading.conversations import ConversationReader
from app.services.reading.direct_cache import DirectCache
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_queries import MessageQueries
from app.services.reading.presence import PresenceReader
from app.services.reading.show_around import AroundReader
from app.services.reading.waiting_requests import WaitingRequests

log = logging.getLogger(__name__)

# Returns the unread messages of a user, in one conversation or in all, up to a limit. May block.
FetchUnread = Callable[[int, int | None, int], dict[str, Any]]

FINISH_SECONDS = 3.0  # how long a shutdown waits for sessions to close and for operations to reach the log


@dataclass(frozen=True, slots=True)
class Messaging:
    """The services that write messages and their changes."""

    sender: MessageSender
    editor: MessageEditor
    changes: ChangeSubmitter
    marks: MarkMover
    typing: TypingNotifier
    events: EventSender
    streams: StreamAppender


@dataclass(frozen=True, slots=True)
class Reading:
    """The services that read messages and conversations."""

    directs: DirectCache
    cache: ConversationCache
    conversations: ConversationReader
    around: AroundReader
    messages: MessageFinder
    queries: MessageQueries
    media: ConversationMedia
    presence: PresenceReader
    requests: WaitingRequests
    fetch_unread: FetchUnread


def log_missing_gevent() -> None:
    """Logs an error if no greenlet of the gateway will run, because gevent has not patched this process."""
    if not is_module_patched("threading"):
        log.error("no event reaches a client: this server does not use gevent. Start it with Parley's gunicorn.conf.py")


class Gateway:
    """``queues`` run from the start. A shutdown waits for those in ``drained``."""

    def __init__(
        self,
        *,
        gateway_id: str,
        redis: Redis,
        shards: Shards,
        sessions: SessionRegistry,
        streams: Streams,
        messaging: Messaging,
        reading: Reading,
        invites: Invites,
        members: MemberAdder,
        requests: Requests,
        activity: Activity,
        confirmations: Sequence[Confirmations],
        queues: Sequence[Batcher],
        drained: Sequence[Batcher],
        pools: dict[str, BlockingPool],
        listeners: Sequence[Listener],
        timers: Timers,
        log_scripts: Sequence[Append],
        log_risks: Callable[[], None],
    ) -> None:
        self.id = gateway_id
        self._redis = redis
        self._shards = shards
        self.sessions = sessions
        self.streams = streams
        self.messaging = messaging
        self.reading = reading
        self.invites = invites
        self.members = members
        self.requests = requests
        self.activity = activity
        self._confirmations = confirmations
        self._queues = queues
        self._drained = drained
        self._pools = pools
        self.listeners = listeners
        self._timers = timers
        self._log_scripts = log_scripts
        self._log_risks = log_risks
        self._started = False

    @property
    def process(self) -> str:
        """The name under which the metrics of this process are published."""
        return f"web:{self.id}"

    def start(self) -> None:
        """Starts the gateway exactly once. gunicorn's ``post_worker_init`` calls it in the patched, forked worker;
        under other servers, the first request that needs the gateway does.
        """
        if self._started:
            return
        self._started = True
        log_missing_gevent()
        for queue in self._queues:
            queue.start()
        for listener in self.listeners:
            listener.start()
        self._timers.start()
        self.streams.run_blocking(self._connect_log)
        self.streams.run_blocking(self._log_risks)

    def _connect_log(self) -> None:
        """Takes the connections of the message path before requests can take all that Redis allows."""
        for script in self._log_scripts:
            try:
                script.connect()
            except (RedisError, ParleyError) as error:
                log.warning("%s is not connected to the log yet: %s", script.name, error)

    def check_log(self) -> None:
        """Raises RedisError if a send would find no connection. May block."""
        for script in self._log_scripts:
            script.check()

    def drain(self, seconds: float) -> None:
        """Closes all sessions with 1001 within ``seconds`` and removes the gateway from Redis. The process ends after
        this.
        """
        self.sessions.close_all(seconds)
        deadline = time.monotonic() + FINISH_SECONDS
        while (len(self.sessions) or any(len(queue) for queue in self._drained)) and time.monotonic() < deadline:
            gevent.sleep(0.02)
        self._log_failure("the last counts were not published", self.publish_metrics)  # and that no session is left
        for shard in self._shards:
            self._log_failure("the gateway was not signed off", partial(sign_off, shard, self.id))

    @staticmethod
    def _log_failure(what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except RedisError as error:
            log.warning("%s: %s", what, type(error).__name__)

    def count_error(self, error: ParleyError) -> None:
        self.activity.count_error(error)

    def metrics_snapshot(self) -> Snapshot:
        hubs, activity = self.sessions.hubs, self.activity
        unknown: Counter[str] = Counter()
        for hub in hubs:
            unknown.update({f"unknown_kind:{kind}": count for kind, count in hub.unknown_kinds.items()})
        pending: Counter[str] = Counter()
        for queue in self._queues:
            pending[queue.name] += len(queue)
        pending.update({name: len(pool) for name, pool in self._pools.items()})
        return gateway_snapshot(
            sessions=hubs[0].by_transport,
            events_delivered=sum(hub.events_delivered for hub in hubs),
            counters={**activity.counters, **unknown},
            ack_times=activity.acks,
            pending={**pending, "confirmations": sum(map(len, self._confirmations))},
        )

    def publish_metrics(self) -> None:
        publish(self._redis, self.process, self.metrics_snapshot())
