"""Raises the number of shards. Each new shard is split off from an old one, its parent. The parent's number is the
number of the new shard modulo the old number of shards.

Web and worker processes must be stopped, and the logs empty: then Postgres has everything, except the text of open
streams. Redis is prepared first (app/message_log/split_shard.py). The number changes last, in one transaction with the
epochs of the new shards. If the command ends before that, nothing has changed for processes with the old number, and
the command can be repeated. If it ends after that, the moved streams are still in their parents as well: sweeps skip
them, and repeating the command deletes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from redis import Redis
from sqlalchemy import Connection, Engine

from app.message_log.shards import Shards, shard_names
from app.message_log.split_shard import delete_all, forget_moved_streams, prepare_child
from app.message_log.workers import seconds_since_heartbeat
from app.services.shards.look_at_shards import ShardLook, look_at
from app.store.engine import writing
from app.store.shard_count import epochs_of_shards, is_new, lock_count, split

WORKER_GONE_SECONDS = 15  # a worker sends a heartbeat every 10 s

AddressOf = Callable[[int], str]


class CannotRaiseError(Exception):
    """Nothing was changed. The message is one line for the operator."""


class StillRunningError(CannotRaiseError):
    """A process uses the shards, or did so a moment ago."""


def raise_shards(engine: Engine, shards: Shards, address_of: AddressOf) -> int:
    """Raises the number of shards to the number of ``shards``, and returns the previous one.

    Raises CannotRaiseError; RedisError if a Redis fails while it is prepared, and Overloaded if Postgres does.
    """
    with writing(engine) as conn:
        old = lock_count(conn, len(shards))
        if old < len(shards):
            refuse(conn, shards, old, address_of)
            _prepare(conn, shards, old)
            refuse(conn, shards, old, address_of)  # a process may have started in the meantime
            split(conn, old, len(shards))
    for shard in shards:
        forget_moved_streams(shard)
    return old


def refuse(conn: Connection, shards: Shards, old: int, address_of: AddressOf, *, logs: bool = True) -> None:
    """Raises CannotRaiseError unless all shards answer, no process uses them, and the old ones have their epochs and,
    with ``logs``, empty logs. New shards may have data of a former use, which are deleted.
    """
    looks = [look_at(shard) for shard in shards]
    _refuse_silent(looks, address_of)
    _refuse_gateways_and_drains(looks)
    _refuse_workers(shards[0].redis)
    if not is_new(conn):  # otherwise, Redis has nothing to keep
        _refuse_strange(looks[:old], epochs_of_shards(conn), address_of)
    if logs:
        _refuse_waiting(looks[:old])


def _refuse_silent(looks: Sequence[ShardLook], address_of: AddressOf) -> None:
    for look in looks:
        if not look.answers:
            raise CannotRaiseError(f"The Redis of shard {look.number} does not answer ({address_of(look.number)}).")


def _refuse_gateways_and_drains(looks: Sequence[ShardLook]) -> None:
    for look in looks:
        if look.gateways:
            raise StillRunningError(f"A web process uses shard {look.number}. Stop all web processes, then try again.")
        if look.drains:
            raise StillRunningError(f"A drain of shard {look.number} is running. Stop all workers, then try again.")


def _refuse_workers(redis: Redis) -> None:
    since = seconds_since_heartbeat(redis)
    if since is not None and since < WORKER_GONE_SECONDS:
        raise StillRunningError(
            f"A worker was running {since} s ago. Stop all workers, then try again after {WORKER_GONE_SECONDS} s."
        )


def _refuse_strange(looks: Sequence[ShardLook], epochs: dict[int, int], address_of: AddressOf) -> None:
    for look in looks:
        if look.epoch is None or look.epoch != epochs.get(look.number):
            raise CannotRaiseError(
                f"The Redis at {address_of(look.number)} does not have the data of shard {look.number}. If"
                " REDIS_SHARD_URLS has moved the shard or Redis was emptied, first run web and worker with the current"
                " number of shards."
            )


def _refuse_waiting(looks: Sequence[ShardLook]) -> None:
    waiting = [look.number for look in looks if look.entries]
    if waiting:
        raise CannotRaiseError(
            f"Records of {shard_names(waiting)} are not stored yet. Store them with --drain, or let the workers store"
            " them while no web process runs."
        )


def _prepare(conn: Connection, shards: Shards, old: int) -> None:
    new, epochs = is_new(conn), epochs_of_shards(conn)
    for number in range(old, len(shards)):
        if new:
            delete_all(shards[number])
        else:
            prepare_child(shards[number % old], shards[number], epochs[number % old])
