"""Wires the gateway of a web process. Imports gevent, which worker processes must not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from app.bootstrap.services import ServicesBuilder
from app.core.errors import Suspended, Unauthorized
from app.fanout.listener import Listener
from app.fanout.milestones import Milestones
from app.fanout.presence import HEARTBEAT_SECONDS, PresenceChanges
from app.gateway.devices import DeviceRegistry
from app.gateway.gateway import Gateway
from app.gateway.milestone_requests import SEND_SECONDS, MilestoneRequests
from app.gateway.presence_registry import PresenceRegistry
from app.gateway.sessions import SessionRegistry
from app.gateway.shard_end import ShardEnd
from app.gateway.shard_line import ShardLine
from app.gateway.shard_sessions import ShardSessions
from app.gateway.streams import Streams
from app.gateway.timers import Timers, call_later
from app.message_log.history import History
from app.redis_batch import Batcher
from app.redis_calls import redis_errors_as_overloaded
from app.redis_connections import connect_redis
from app.services.client_limits import encoded_limits
from app.services.messaging.delivery_batcher import DeliveryBatcher
from app.services.metrics.deployment_risks import log_risks
from app.services.metrics.publish_metrics import EVERY_SECONDS as PUBLISH_EVERY_SECONDS
from app.services.reading.resume import Replay
from app.store.idle_pool import LOOK_SECONDS, close_idle_connections

RECONCILE_SECONDS = 0.5
# With the sweep of a second, a session ends within 5 s even if the publication of its end was lost.
REVOKED_EVERY_SECONDS = 3.0


class GatewayBuilder(ServicesBuilder):
    """Builds one gateway. Opens no connection."""

    def build(self) -> Gateway:
        self._build_log()
        self._build_marks()
        self._build_reading()
        self._build_messaging()
        self._build_sessions()
        gateway = Gateway(
            gateway_id=self._id,
            redis=self._redis,
            shards=self._shards,
            sessions=self._sessions,
            streams=self._streams,
            messaging=self._messaging,
            reading=self._reading,
            invites=self._invites,
            members=self._members,
            requests=self._requests,
            activity=self._activity,
            confirmations=[line.confirmations for line in self._lines],
            queues=self._queues,
            drained=self._drained,
            pools=self._pools,
            listeners=self._listeners,
            timers=self._timers,
            log_scripts=[script for line in self._lines for script in line.scripts],
            log_risks=self._log_risks,
        )
        self._timers.add(PUBLISH_EVERY_SECONDS, gateway.publish_metrics)
        return gateway

    def _log_risks(self) -> None:
        log_risks(self._shards, self._engine, self._store_reads, settings=self._settings)

    def _build_sessions(self) -> None:
        settings = self._settings
        self._of_shards = [
            ShardSessions(line.hub, self._build_presence(line), partial(self._is_away, line.shard.part.number))
            for line in self._lines
        ]
        self._sessions = SessionRegistry(
            shards=self._of_shards,
            devices=DeviceRegistry(redis=self._redis, gateway_id=self._id, run_blocking=self._run_blocking),
            activity=self._activity,
            max_sessions=settings.max_sessions,
            max_sessions_per_user=settings.max_sessions_per_user,
        )
        self._build_milestones()
        self._build_streams()
        self._drained = (
            *(queue for line in self._lines for queue in line.queues),
            *(sessions.presence.batcher for sessions in self._of_shards),
        )
        others = (self._unread_counts, *self._missed, self._stored_ids, self._tokens, self._unread_messages)
        self._queues = (*self._drained, *others, *self._milestones)
        ends = [
            ShardEnd(
                line,
                sessions,
                gateway_id=self._id,
                watches=None if line.shard.part.number else self._watches,
                forget_conversations=self._conversations.forget_all,
                run_blocking=self._run_blocking,
            )
            for line, sessions in zip(self._lines, self._of_shards, strict=True)
        ]
        self._lines[0].epochs.on_lost(self._reload_suspensions)
        # ``resubscribed`` compares with Postgres.
        self._histories = [History(lambda: 0, line.shard.keys) for line in self._lines]
        self._listeners = [self._build_listener(end) for end in ends]
        self._build_timers(ends)

    def _build_presence(self, line: ShardLine) -> PresenceRegistry:
        joins = 0 if line.shard.part.number else self._settings.joins_per_minute  # the first shard limits them
        changes = PresenceChanges(line.shard, self._id, saw_epoch=line.epochs.saw, joins_per_minute=joins)
        return PresenceRegistry(changes, recover=line.epochs.renew)

    def _build_milestones(self) -> None:
        lines = self._lines if len(self._lines) > 1 else []
        self._milestones = [
            Batcher("milestones", Milestones(line.shard, self._id), recover=line.epochs.renew) for line in lines
        ]
        self._milestone_requests = MilestoneRequests(
            [(queue, sessions.is_away) for queue, sessions in zip(self._milestones, self._of_shards, strict=False)]
        )

    def _is_away(self, number: int) -> bool:
        """Returns whether sessions begin without this shard. They need the first one, which knows who may begin."""
        return number > 0 and self._listeners[number].is_failing

    def _build_streams(self) -> None:
        settings = self._settings
        common: Any = {
            "deliveries": DeliveryBatcher(mark_delivered=self._marks.mark_all_delivered, call_later=call_later),
            "count_unread": self._unread_counts.run,
            "refuse_ended": self._refuse_ended,
            "run_blocking": self._run_blocking,
            "run_replay": self._pools["resuming"].run,
            "client_limits": encoded_limits(settings, media=self._media_on),
            "resume_max_days": settings.resume_max_days,
            "outbox_bytes": settings.outbox_bytes,
            "ask_for_milestones": self._milestone_requests.ask,
        }
        by_shard = [
            Streams(
                epoch=line.epoch,
                replay=self._build_replay(line),
                check_missed=missed.submit,
                brings_news=not line.shard.part.number,
                known_version=partial(self._known_version, line),
                **common,
            )
            for line, missed in zip(self._lines, self._missed, strict=True)
        ]
        for streams in by_shard:
            streams.by_shard = by_shard
        self._streams = by_shard[0]

    def _known_version(self, line: ShardLine) -> int:
        return self._histories[line.shard.part.number].version or line.epochs.stored_version()

    def _build_replay(self, line: ShardLine) -> Replay:
        return Replay(
            engine=self._engine,
            shard=line.shard,
            shards=self._shards,
            directs=self._directs,
            epoch=line.epoch,
            requests=self._waiting_requests,
            saw_epoch=line.epochs.saw,
        )

    def _build_listener(self, end: ShardEnd) -> Listener:
        shard = end.line.shard
        # Protocol 2: with RESP3, redis-py formats every push into a string.
        redis = connect_redis(self._settings, shard=shard.part.number, timeout_seconds=30, protocol=2, fail_fast=False)
        history = self._histories[shard.part.number]
        return Listener(
            shard.over(redis),
            self._id,
            dispatch=end.dispatch,
            saw_epoch=end.line.epochs.saw,
            compare=history.is_behind,
            saw_version=history.saw,
            revoked=self._revoked.add,
            suspended=self._heard_of_suspension,
            resubscribed=end.resubscribed,
        )

    def _build_timers(self, ends: Sequence[ShardEnd]) -> None:
        self._timers = Timers()
        for end in ends:
            self._timers.add(HEARTBEAT_SECONDS, end.heartbeat.beat)
            self._timers.add(RECONCILE_SECONDS, end.reconcile)
        if self._milestones:
            self._timers.add(SEND_SECONDS, self._milestone_requests.send)
        self._timers.add(REVOKED_EVERY_SECONDS, self._revoked.load)
        self._timers.add(REVOKED_EVERY_SECONDS, self._suspended.load)
        self._timers.add(REVOKED_EVERY_SECONDS, self._shadowed.load)
        self._timers.add(LOOK_SECONDS, partial(close_idle_connections, self._engine))
        self._timers.add(1.0, self._sessions.check_all)
        self._timers.add(1.0, self._end_revoked)
        self._timers.add(1.0, self._rates.release_expired)

    def _end_revoked(self) -> None:
        self._sessions.end_revoked(self._revoked.has_learned)
        if len(self._suspended):
            self._sessions.end_suspended(self._suspended.knows)

    def _heard_of_suspension(self, user_id: int, end: int) -> None:
        self._suspended.heard(user_id, end)
        self._sessions.end_suspended(self._suspended.knows)

    def _refuse_ended(self, sid: str, user_id: int) -> None:
        """Raises Unauthorized if the auth session ended, Suspended for a suspended user; Overloaded if that cannot be
        checked.
        """
        if self._suspended.is_suspended(user_id):
            raise Suspended
        with redis_errors_as_overloaded():
            if self._revoked.covers(sid, user_id):
                raise Unauthorized("The session was logged out.")

    def _reload_suspensions(self) -> None:
        self._run_blocking(lambda: self._suspended.load(from_store=True))
        self._run_blocking(lambda: self._shadowed.load(from_store=True))
