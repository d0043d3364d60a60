"""The gateway: what one web process is to its sessions. Composes the message path, the hub and their greenlets."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from redis.exceptions import RedisError

from app.container import Container
from app.core.cursor import Position, decode_cursor
from app.core.errors import Overloaded, ParleyError, RateLimited, Unauthorized
from app.core.events import Event
from app.fanout import devices
from app.fanout.hub import Hub, refusal
from app.fanout.listener import Listener
from app.fanout.presence import HEARTBEAT_SECONDS, PresenceChanges, send_heartbeat, sign_off
from app.message_log.append import Append, AppendLimits
from app.message_log.confirmations import Confirmations
from app.message_log.epoch import Epoch, begin_epoch, last_version, read_epoch
from app.redis_batch import Batcher
from app.redis_calls import asking
from app.redis_connections import connect_redis, one_connection
from app.services.client_limits import encoded_limits
from app.services.messaging.find_stored_ids import find_stored_ids
from app.services.messaging.message_path import Answer, MessagePath, now_ms
from app.services.messaging.note_deliveries import Deliveries
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.user_rates import TakeTokens, make_rates
from app.services.metrics.metrics_snapshot import Snapshot, gateway_snapshot
from app.services.metrics.publish_metrics import EVERY_SECONDS as PUBLISH_EVERY_SECONDS
from app.services.metrics.publish_metrics import publish
from app.services.reading import resume
from app.services.reading.count_unread import count_unread
from app.services.reading.fetch_unread import fetch_unread
from app.store.epochs import next_epoch
from app.store.messages import UnreadRequest
from app.task_queue import wake_drain
from app.transports.blocking import Blocking
from app.transports.connection import Flusher, Limits
from app.transports.presence_registry import PresenceRegistry

if TYPE_CHECKING:
    from app.transports.session import Session

log = logging.getLogger(__name__)

WAKE_EVERY_SECONDS = 0.5
REVOKED_EVERY_SECONDS = 5.0
RESUMES_AT_ONCE = 16


class Gateway:
    """``start`` begins its greenlets; ``drain`` ends its sessions before the process goes."""

    def __init__(self, parley: Container) -> None:
        settings = parley.settings
        self.parley = parley
        self.settings = settings
        self.id = secrets.token_hex(5)
        self.started = False
        self.draining = False
        self.flusher = Flusher()
        self.client_limits = encoded_limits(settings)
        self.limits = Limits(settings.outbox_events, settings.outbox_bytes, settings.write_stall_seconds)
        self._blocking = Blocking()
        self._resuming = Blocking(RESUMES_AT_ONCE)
        self._greenlets: list[gevent.Greenlet] = []
        self._woke = 0.0
        self.sessions: set[Session] = set()
        self.confirmations = Confirmations()
        self.hub = Hub(self.confirmations.settle, revoked=parley.revoked.add)
        changes = PresenceChanges(parley.redis, self.id, saw_epoch=self.saw_epoch)
        self._append, self._change = self._into_log("append"), self._into_log("change")
        self.presence = PresenceRegistry(changes, recover=self.renew_epoch)
        self._stored_ids = self._batch_of("ids", lambda asked: find_stored_ids(parley.engine, asked))
        # A user whose limit cannot be asked for is not kept waiting for long.
        self._units = Batcher("units", TakeTokens(parley.redis), recover=self.renew_epoch, patience=1.0)
        self.path = self._make_path()
        self.deliveries = Deliveries(self.path)
        # Everybody comes back at once after a deploy: their questions to Postgres are asked together.
        self._counts = self._batch_of("unread counts", lambda users: count_unread(self.path, users))
        self._unread = self._batch_of("unread messages", lambda asked: fetch_unread(self.path, asked))
        self._queues = (
            self._append,
            self._change,
            self.presence.batcher,
            self._counts,
            self._stored_ids,
            self._units,
            self._unread,
        )
        self.listener = Listener(
            connect_redis(
                settings, timeout_seconds=30, protocol=2
            ),  # redis-py prints every push of RESP3 into a string
            self.id,
            dispatch=self.hub.dispatch,
            saw_epoch=self.saw_epoch,
            revoked=parley.revoked.add,
            resubscribed=self.resubscribed,
        )

    def _into_log(self, name: str) -> Batcher:
        settings = self.settings
        script = Append(
            self.parley.redis,
            self.id,
            AppendLimits(settings.log_max_records, settings.log_max_bytes, settings.dedupe_seconds),
            name=name,
            connect=lambda: one_connection(settings),
            saw_epoch=self.saw_epoch,
            wake=self.wake,
        )
        return Batcher(name, script, recover=self.renew_epoch, after=self.after_append)

    def _make_path(self) -> MessagePath:
        return MessagePath(
            settings=self.settings,
            engine=self.parley.engine,
            redis=self.parley.redis,
            gateway_id=self.id,
            append=self._append,
            change=self._change,
            marks=ReceiptBatcher(self._change, self.confirmations),
            confirmations=self.confirmations,
            rates=make_rates(self.settings, self._units.submit),
            stored_ids=self._stored_ids,
            later=self.later,
            present_epoch=self.present_epoch,
        )

    def _batch_of(self, name: str, call: Callable[[list[Any]], list[Any]]) -> Batcher:
        return Batcher(name, call, recover=self.renew_epoch, most=100)

    # --- life

    def start(self) -> None:
        """Begin listening. Safe to call twice; called once the process is patched and forked."""
        if self.started:
            return
        self.started = True
        for queue in self._queues:
            queue.start()
        self.listener.start()
        self._every(HEARTBEAT_SECONDS, self.beat)
        self._every(0.5, self.reconcile)
        self._every(REVOKED_EVERY_SECONDS, self.parley.revoked.load)
        self._every(1.0, self.sweep)
        self._every(1.0, self.path.rates.lapse)
        self._every(PUBLISH_EVERY_SECONDS, self.publish_metrics_snapshot)

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        def run() -> None:
            while True:
                try:
                    act()
                except (RedisError, ParleyError) as error:
                    log.warning("%s: %s", act.__name__, type(error).__name__)
                except Exception:
                    log.exception("%s failed", act.__name__)
                gevent.sleep(seconds)

        self._greenlets.append(gevent.spawn(run))

    def later(self, act: Callable[[], None]) -> None:
        """Run something that may block, in a greenlet of its own; bounded in number, in order of asking."""
        self._blocking.run(act)

    def resume_later(self, act: Callable[[], None]) -> None:
        """The same, for what all sessions may have to do at once: commands and joins do not wait behind it."""
        self._resuming.run(act)

    def drain(self, seconds: float) -> None:
        """Close all sessions with 1001, spread over ``seconds`` at most, and sign off. The process ends after it."""
        self.draining = True
        sessions = list(self.sessions)
        pause = min(seconds / max(len(sessions), 1), 0.001)
        for i, session in enumerate(sessions):
            session.end(None, 1001)
            if i % 50 == 49:
                gevent.sleep(pause * 50)
        deadline = time.monotonic() + 3.0
        queues = (self.sessions, self._append, self._change, self.presence)
        while any(len(queue) for queue in queues) and time.monotonic() < deadline:
            gevent.sleep(0.02)
        try:
            self.publish_metrics_snapshot()  # the last counts, and that no session is left
            sign_off(self.parley.redis, self.id)
        except RedisError as error:
            log.warning("not signed off: %s", type(error).__name__)

    # --- epochs

    def saw_epoch(self, number: int) -> None:
        """Every answer and every publication says which epoch it belongs to."""
        if number == self.path.epoch.number:
            return
        first = self.path.epoch.number == 0
        self.path.epoch = Epoch(number, now_ms())
        self.hub.epoch = number
        self.later(self.learn_epoch)
        if not first:
            log.warning("a new epoch, %d: Redis lost its history", number)
            self.path.warm.clear()
            self.confirmations.fail_all()
            self.later(self.reset_sessions)
            self.presence.reregister(self.hub.users(), self.resume_sessions)

    def learn_epoch(self) -> None:
        """When the epoch truly began: until this is known, ids are checked as if it were now."""
        epoch = asking(lambda: read_epoch(self.parley.redis))
        if epoch is not None and epoch.number == self.path.epoch.number:
            self.path.epoch = epoch

    def reset_sessions(self) -> None:
        self.learn_epoch()
        version = asking(lambda: last_version(self.parley.redis))
        for session in list(self.hub):
            session.reset(self.path.epoch.number, version)

    def present_epoch(self) -> int:
        """What Redis says now. Raises Overloaded, RedisError."""
        epoch = read_epoch(self.parley.redis)
        if epoch is None:
            self.renew_epoch()
        else:
            self.saw_epoch(epoch.number)
        return self.path.epoch.number

    def renew_epoch(self) -> None:
        """Redis has no epoch: begin one. Raises Overloaded where Postgres does not answer, RedisError where Redis
        does not.
        """
        epoch = begin_epoch(self.parley.redis, lambda: next_epoch(self.parley.engine))
        self.parley.revoked.load(from_store=True)
        self.saw_epoch(epoch.number)

    def after_append(self) -> None:
        self.path.queue_behind_cold()

    # --- regular work

    def wake(self) -> None:
        """Something was logged and no drain runs. Celery is asked at most twice a second; the sweep asks too."""
        now = time.monotonic()
        if now - self._woke > WAKE_EVERY_SECONDS:
            self._woke = now
            self.later(wake_drain)

    def beat(self) -> None:
        certain = self.presence.confirmed_count()
        epoch, noted = send_heartbeat(self.parley.redis, self.id)
        if epoch is None:
            self.renew_epoch()
        else:
            self.saw_epoch(epoch)
            if self.presence.is_behind(noted, certain):  # or another gateway took this one for dead
                log.warning("Redis has forgotten who is online here: they are noted again")
                self.presence.reregister(self.hub.users(), self.resume_sessions)

    def reconcile(self) -> None:
        self.confirmations.reconcile(self.parley.redis, self.path.epoch.number, refusal)

    def resubscribed(self) -> None:
        if self.listener.subscriptions > 1:
            self.resume_sessions()

    def resume_sessions(self) -> None:
        """Something may have been missed by all of them."""
        for session in list(self.hub):
            session.resume_from_store()

    def sweep(self) -> None:
        """Once a second: pings due, pongs missing, tokens ended, joins overdue, readers stalled."""
        now, wall = time.monotonic(), time.time()
        for session in list(self.sessions):
            session.check(now, wall)

    # --- metrics

    @property
    def process(self) -> str:
        """The name under which this process publishes its metrics."""
        return f"web:{self.id}"

    def metrics_snapshot(self) -> Snapshot:
        queues = {queue.name: len(queue) for queue in self._queues}
        unknown = {f"unknown_kind:{kind}": count for kind, count in self.hub.unknown_kinds.items()}
        return gateway_snapshot(
            sessions=self.hub.by_transport,
            events_delivered=self.hub.events_delivered,
            counters={**self.path.counters, **unknown},
            ack_times=self.path.ack_times,
            pending={
                **queues,
                "blocking": len(self._blocking),
                "resuming": len(self._resuming),
                "confirmations": len(self.confirmations),
            },
        )

    def publish_metrics_snapshot(self) -> None:
        publish(self.parley.redis, self.process, self.metrics_snapshot())

    # --- for sessions

    def check_room(self) -> None:
        """Before a connection is taken over. Raise Overloaded."""
        if self.draining or len(self.sessions) >= self.settings.max_sessions:
            raise Overloaded("This gateway takes no more sessions.", retry_after=5.0)

    def admit(self, session: Session) -> None:
        """Before a session enters. Raise RateLimited."""
        if len(self.hub.sessions_of(session.user_id)) >= self.settings.max_sessions_per_user:
            raise RateLimited("Too many sessions.", retry_after=30.0)

    def note_device(self, user_id: int, device_id: str) -> None:
        """This device is in use here. May block. Without Redis, it counts as not in use."""
        try:
            devices.device_connected(self.parley.redis, self.id, user_id, device_id)
        except RedisError as error:
            log.warning("a device is not noted: %s", type(error).__name__)

    def forget_device(self, user_id: int, device_id: str) -> None:
        """It is not, any more. Never blocks."""
        self.later(lambda: self._forget_device(user_id, device_id))

    def _forget_device(self, user_id: int, device_id: str) -> None:
        try:
            devices.device_disconnected(self.parley.redis, self.id, user_id, device_id)
        except RedisError as error:
            log.warning("a device is not forgotten: %s", type(error).__name__)

    def keep(self, session: Session) -> None:
        self.sessions.add(session)

    def forget(self, session: Session) -> None:
        self.sessions.discard(session)

    def resumable(self, cursor: str, version: int) -> Position | None:
        """None where there is nothing to resume from: malformed, of a lost history, of the future, or too old."""
        position = decode_cursor(cursor)
        if position is None or position.epoch != self.path.epoch.number or position.version > version:
            return None
        age_us = version - position.version
        return position if age_us < self.settings.resume_max_days * 86_400_000_000 else None

    def changes_since(self, user_id: int, version: int, since: int) -> tuple[list[Event], bool]:
        return resume.changes_since(self.path, user_id, version, since)

    def unread_counts(self, user_id: int) -> dict[int, int]:
        return self._counts.ask(user_id)  # type: ignore[no-any-return]

    def fetch_unread(self, user_id: int, conversation_id: int | None, limit: int) -> Answer:
        return self._unread.ask(UnreadRequest(user_id, conversation_id, limit))  # type: ignore[no-any-return]

    def count(self, what: str) -> None:
        self.path.counters[what] += 1

    def count_error(self, error: ParleyError) -> None:
        self.path.counters[f"error:{error.code}"] += 1

    def count_close(self, code: int) -> None:
        self.path.counters[f"close:{int(code)}"] += 1

    @staticmethod
    def unauthorized(message: str) -> Unauthorized:
        return Unauthorized(message)
