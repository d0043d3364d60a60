"""A small model of the message path, searched exhaustively: every interleaving of a few acts and one failure.

One conversation, two senders, one reader. The model keeps the state that delivery and membership depend on: the log
and the counters in Redis, the rows in Postgres, the drain between its steps, the records on the bus, and the reader's
session with its position, its cursor and the messages on its screen. docs/correctness.md names the invariants in words.

``Mechanisms`` switches on the mechanisms that keep the invariants. With all of them the search finds no violation;
without any one of them it must find one. That proves that the model can see the fault that the mechanism prevents.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tests.models.delivery_reader import begin_resume, session_moves
from tests.models.delivery_state import Drain, Kind, Mechanisms, Record, Redis, Row, Store, World


class Violation(Exception):
    """``trace`` is the shortest way there."""

    def __init__(self, reason: str, trace: list[str]) -> None:
        super().__init__(f"{reason}: {' → '.join(trace)}")
        self.trace = trace


def search(acts: tuple[str, ...], has: Mechanisms = Mechanisms(), limit: int = 2_000_000) -> int:  # noqa: B008
    """Visits every reachable state, breadth first. Returns how many there are; raises Violation."""
    start = World(acts=acts)
    came_from: dict[World, tuple[World, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        following = list(moves(world, has))
        reason = broken(world, settled=not any(name in INTERNAL for name, _ in following))
        if reason:
            raise Violation(reason, _trace(came_from, world))
        for name, reached in following:
            if reached not in came_from:
                came_from[reached] = world, name
                queue.append(reached)
        if len(came_from) > limit:
            raise RuntimeError("the model has too many states to be searched whole")
    return len(came_from)


def _trace(came_from: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    names: list[str] = []
    step = came_from[world]
    while step is not None:
        names.append(step[1])
        step = came_from[step[0]]
    return names[::-1]


INTERNAL = frozenset({"drain", "deliver", "resume", "beat", "notice"})  # happen by themselves, sooner or later


def broken(world: World, *, settled: bool) -> str | None:
    """Returns the invariant that does not hold. Some must always hold, others once nothing happens by itself."""
    session, store = world.session, world.store
    left = store.left_seq
    replacing = session.fresh  # the messages on the screen belong to a lost history, and are about to go
    if left and not replacing and any(seq > left for seq, _ in session.screen):
        return "a removed member has a message written after the removal"
    if settled and session.step == "live":
        visible = {row.seq: row.text for row in store.rows if not left or row.seq <= left}
        screen = dict(session.screen)
        if left:  # edits made after the removal may reach the reader or not
            visible, screen = dict.fromkeys(visible, 0), dict.fromkeys(screen, 0)
        if screen != visible:
            return f"the reader sees {screen}, the store has {visible}"
    return None


# --- what may happen next


def moves(world: World, has: Mechanisms) -> Iterator[tuple[str, World]]:
    if has.notice_older_redis and world.redis.version < world.greatest:
        yield "notice", _new_epoch(world)
        return  # compared at every connect, before anything else is done with this Redis
    for index, act in enumerate(world.acts):
        if act not in world.acts[:index]:
            done = _ACTS[act](world._replace(acts=world.acts[:index] + world.acts[index + 1 :]), has)
            if done is not None:
                yield act, done
    yield from _drain_moves(world, has)
    yield from session_moves(world, has)


def _append(world: World, kind: Kind, seq: int | None = None) -> World:
    """Counts, logs and publishes, as append.lua and change.lua do."""
    redis = world.redis
    version = redis.version + 1
    number = seq if seq is not None else redis.seq + 1
    record = Record(version, kind, number, version if kind != "remove" else 0)
    told = redis.registered and redis.member
    redis = redis._replace(
        version=version,
        seq=redis.seq if seq is not None else number,
        log=(*redis.log, record),
        member=redis.member and kind != "remove",
    )
    bus = (*world.bus, (redis.epoch, record)) if told else world.bus
    return world._replace(redis=redis, bus=bus, greatest=max(world.greatest, version))


def _send(world: World, _: Mechanisms) -> World:
    return _append(world, "message")


def _edit(world: World, _: Mechanisms) -> World | None:
    """The newest message changes."""
    redis, rows = world.redis, world.store.rows
    seqs = {r.seq for r in redis.log if r.kind == "message"} | {row.seq for row in rows if row.text}
    return _append(world, "edit", max(seqs)) if seqs else None


def _remove(world: World, _: Mechanisms) -> World | None:
    return _append(world, "remove") if world.redis.member else None


def _leave(world: World, _: Mechanisms) -> World | None:
    """The reader disconnects; its cursor is the position it has reached."""
    session = world.session
    if session.step == "gone":
        return None
    gone = session._replace(step="gone", held=(), tail=(), rows=(), since=0, horizon=0, fresh=False)
    return world._replace(session=gone, redis=world.redis._replace(registered=False), bus=())


def _return(world: World, _: Mechanisms) -> World | None:
    session, redis = world.session, world.redis
    if session.step != "gone":
        return None
    good = session.epoch == redis.epoch and session.position <= redis.version
    return world._replace(
        redis=redis._replace(registered=True),
        session=begin_resume(session, redis, since=session.position if good else 0, fresh=not good),
    )


def _bury(world: World, _: Mechanisms) -> World | None:
    """Another gateway takes this one for dead: Redis forgets its users, and publications no longer come here."""
    if not world.redis.registered:
        return None
    return world._replace(redis=world.redis._replace(registered=False), bus=())


def _join_beside(world: World, has: Mechanisms) -> World | None:
    """A second session of the reader joins at the same gateway: the user is registered (again)."""
    session, redis = world.session, world.redis
    if session.step != "live":
        return None
    known = redis.registered
    world = world._replace(redis=redis._replace(registered=True))
    if known or not has.report_unknown_user:
        return world
    return world._replace(session=begin_resume(session, redis, since=session.position, fresh=False))


def _cut_subscription(world: World, _: Mechanisms) -> World | None:
    """Loses the records on the bus. The gateway subscribes again and brings its sessions up to date."""
    if world.session.step != "live" or not world.redis.registered:
        return None
    session = begin_resume(world.session, world.redis, since=world.session.position, fresh=False)
    return world._replace(bus=(), session=session)


def _snapshot(world: World, _: Mechanisms) -> World:
    return world._replace(snapshot=world.redis)


def _restore(world: World, _: Mechanisms) -> World | None:
    """Redis comes back as it was at the snapshot (a replica promoted late); gateways connect and subscribe again."""
    if world.snapshot is None:
        return None
    redis = world.snapshot
    session = world.session
    if session.step == "live":
        redis = redis._replace(registered=True)
        session = begin_resume(session, redis, since=session.position, fresh=False)
    return world._replace(redis=redis, snapshot=None, bus=(), session=session)


def _kill_drain(world: World, _: Mechanisms) -> World | None:
    return world._replace(drain=Drain()) if world.drain.step else None


_ACTS = {
    "send": _send,
    "edit": _edit,
    "remove": _remove,
    "leave": _leave,
    "return": _return,
    "bury": _bury,
    "join beside": _join_beside,
    "cut": _cut_subscription,
    "snapshot": _snapshot,
    "restore": _restore,
    "kill drain": _kill_drain,
}


def _new_epoch(world: World) -> World:
    """Gives up the history in Redis and begins a new one from Postgres. Sessions resync."""
    store = world.store._replace(epoch=world.store.epoch + 1)
    version = world.greatest + 1
    redis = Redis(
        epoch=store.epoch,
        version=version,
        seq=max((row.seq for row in store.rows), default=0),
        member=not store.left_seq,
        registered=world.session.step != "gone",
    )
    session = world.session
    if session.step != "gone":
        session = begin_resume(session, redis, since=0, fresh=True)
    return world._replace(store=store, redis=redis, bus=(), session=session, greatest=version)


# --- the drain


def _drain_moves(world: World, has: Mechanisms) -> Iterator[tuple[str, World]]:
    drain, redis = world.drain, world.redis
    if drain.step == 0:
        if redis.log:
            yield "drain", world._replace(drain=Drain(1, redis.epoch, redis.log))
    elif drain.epoch != world.store.epoch:
        yield "drain", world._replace(drain=Drain())
    elif drain.step == 1:
        store = _store_messages(world.store, drain.batch)
        if has.one_transaction:
            store = _store_changes(store, drain.batch)
        step = 3 if has.one_transaction else 2
        yield "drain", world._replace(store=store, drain=drain._replace(step=step))
    elif drain.step == 2:
        store = _store_changes(world.store, drain.batch)
        yield "drain", world._replace(store=store, drain=drain._replace(step=3))
    else:
        log = tuple(record for record in redis.log if record not in drain.batch)
        yield "drain", world._replace(redis=redis._replace(log=log), drain=Drain())


def _store_messages(store: Store, batch: tuple[Record, ...]) -> Store:
    rows = {row.seq: row for row in store.rows}
    for record in batch:
        if record.kind != "edit" and record.seq not in rows:
            rows[record.seq] = Row(record.seq, record.text, record.version, record.version)
    return store._replace(rows=tuple(rows[seq] for seq in sorted(rows)))


def _store_changes(store: Store, batch: tuple[Record, ...]) -> Store:
    rows = {row.seq: row for row in store.rows}
    left = store.left_seq
    for record in batch:
        row = rows.get(record.seq)
        if record.kind == "edit" and row is not None and record.version > row.version:
            rows[record.seq] = row._replace(text=record.text, version=record.version)
        elif record.kind == "remove":
            left = record.seq
    return store._replace(rows=tuple(rows[seq] for seq in sorted(rows)), left_seq=left)
