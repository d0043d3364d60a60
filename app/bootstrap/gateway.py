"""Wires the gateway of a web process. Imports gevent, which worker processes must not."""

from __future__ import annotations

from typing import Any

from app.bootstrap.services import ServicesBuilder
from app.core.errors import Overloaded, Suspended, Unauthorized
from app.fanout.hub import refusal
from app.fanout.listener import Listener
from app.fanout.presence import HEARTBEAT_SECONDS, PresenceChanges
from app.gateway.devices import DeviceRegistry
from app.gateway.gateway import Gateway
from app.gateway.heartbeat import Heartbeat
from app.gateway.presence_registry import PresenceRegistry
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.gateway.timers import Timers, call_later
from app.message_log.epoch import last_version
from app.message_log.history import History
from app.redis_calls import redis_errors_as_overloaded
from app.redis_connections import connect_redis
from app.services.client_limits import encoded_limits
from app.services.messaging.delivery_batcher import DeliveryBatcher
from app.services.metrics.deployment_risks import log_risks
from app.services.metrics.publish_metrics import EVERY_SECONDS as PUBLISH_EVERY_SECONDS
from app.services.reading.resume import Replay

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
            confirmations=self._confirmations,
            queues=self._queues,
            drained=(self._appends, self._changes, self._appends_to_streams, self._presence.batcher),
            pools=self._pools,
            listener=self._listener,
            timers=self._timers,
            log_scripts=self._scripts,
            log_risks=self._log_risks,
        )
        self._timers.add(PUBLISH_EVERY_SECONDS, gateway.publish_metrics)
        return gateway

    def _log_risks(self) -> None:
        log_risks(self._shards, self._engine, self._store_reads, settings=self._settings)

    def _build_sessions(self) -> None:
        settings = self._settings
        presence_changes = PresenceChanges(
            self._shards.only, self._id, saw_epoch=self._epochs.saw, joins_per_minute=settings.joins_per_minute
        )
        self._presence = PresenceRegistry(presence_changes, recover=self._epochs.renew)
        self._sessions = SessionRegistry(
            hub=self._hub,
            presence=self._presence,
            devices=DeviceRegistry(redis=self._redis, gateway_id=self._id, run_blocking=self._run_blocking),
            activity=self._activity,
            max_sessions=settings.max_sessions,
            max_sessions_per_user=settings.max_sessions_per_user,
        )
        self._streams = Streams(
            epoch=self._epoch,
            replay=Replay(
                engine=self._engine,
                shards=self._shards,
                shard=self._shards.only,
                directs=self._directs,
                epoch=self._epoch,
                requests=self._waiting_requests,
                saw_epoch=self._epochs.saw,
            ),
            deliveries=DeliveryBatcher(mark_delivered=self._marks.mark_all_delivered, call_later=call_later),
            count_unread=self._unread_counts.run,
            check_missed=self._missed.submit,
            refuse_ended=self._refuse_ended,
            run_blocking=self._run_blocking,
            run_replay=self._pools["resuming"].run,
            client_limits=encoded_limits(settings, media=self._media_on),
            resume_max_days=settings.resume_max_days,
            outbox_bytes=settings.outbox_bytes,
        )
        self._queues = (
            self._appends,
            self._changes,
            self._appends_to_streams,
            self._presence.batcher,
            self._unread_counts,
            self._missed,
            self._stored_ids,
            self._tokens,
            self._unread_messages,
        )
        self._epochs.on_lost(self._redis_lost_its_history)
        self._heartbeat = Heartbeat(
            shard=self._shards.only,
            gateway_id=self._id,
            epochs=self._epochs,
            sessions=self._sessions,
            watches=self._watches,
        )
        self._build_listener()
        self._build_timers()

    def _build_listener(self) -> None:
        # Protocol 2: with RESP3, redis-py formats every push into a string.
        redis = connect_redis(self._settings, timeout_seconds=30, protocol=2, fail_fast=False)
        history = History(lambda: 0)  # ``resubscribed`` compares with Postgres

        def resubscribed() -> None:
            self._run_blocking(self._epochs.compare)
            if self._listener.subscriptions > 1 or len(self._hub):
                self._hub.rosters.lose()
                self._heartbeat.complete_rosters()  # first: until they arrive, records of large groups are read again
                self._sessions.resume_all()
                self._run_blocking(self._watches.register_all)

        self._listener = Listener(
            self._shards.only.over(redis),
            self._id,
            dispatch=self._dispatch,
            saw_epoch=self._epochs.saw,
            compare=history.is_behind,
            saw_version=history.saw,
            revoked=self._revoked.add,
            suspended=self._heard_of_suspension,
            resubscribed=resubscribed,
        )

    def _build_timers(self) -> None:
        self._timers = Timers()
        self._timers.add(HEARTBEAT_SECONDS, self._heartbeat.beat)
        self._timers.add(RECONCILE_SECONDS, self._reconcile)
        self._timers.add(REVOKED_EVERY_SECONDS, self._revoked.load)
        self._timers.add(REVOKED_EVERY_SECONDS, self._suspended.load)
        self._timers.add(REVOKED_EVERY_SECONDS, self._shadowed.load)
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
        known.
        """
        if self._suspended.is_suspended(user_id):
            raise Suspended
        with redis_errors_as_overloaded():
            if self._revoked.covers(sid, user_id):
                raise Unauthorized("The session was logged out.")

    def _reconcile(self) -> None:
        self._confirmations.reconcile(self._shards.only, self._epoch.number, refusal)

    def _dispatch(self, epoch: int, items: list[Any]) -> None:
        if not self._epochs.is_over(epoch):
            self._hub.dispatch(epoch, items)

    def _redis_lost_its_history(self) -> None:
        self._sessions.hold_all()
        self._conversations.forget_all()
        self._confirmations.fail_all()
        self._run_blocking(self._reset_sessions)
        self._run_blocking(lambda: self._suspended.load(from_store=True))
        self._run_blocking(lambda: self._shadowed.load(from_store=True))
        self._sessions.reregister_all()
        self._run_blocking(self._watches.lost)

    def _reset_sessions(self) -> None:
        try:
            with redis_errors_as_overloaded():
                version = last_version(self._shards.only)
        except Overloaded:
            self._sessions.turn_away()
            raise
        self._sessions.reset_all(self._epoch.number, version)
