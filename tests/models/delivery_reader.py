"""The reader's session in the model of the message path: live events, heartbeats and the steps of a resume."""

from __future__ import annotations

from collections.abc import Iterator

from tests.models.delivery_state import Mechanisms, Record, Redis, Row, Session, World


def begin_resume(session: Session, redis: Redis, *, since: int, fresh: bool) -> Session:
    return session._replace(
        step="tail",
        epoch=redis.epoch,
        since=since,
        horizon=redis.version,
        fresh=fresh,
        held=(),
        tail=(),
        rows=(),
        left_seq=0,
    )


def session_moves(world: World, has: Mechanisms) -> Iterator[tuple[str, World]]:
    session, redis = world.session, world.redis
    if world.bus:
        yield "deliver", _deliver(world)
    if session.step == "live" and not redis.registered:
        beat = begin_resume(session, redis, since=session.position, fresh=False)
        yield "beat", world._replace(redis=redis._replace(registered=True), session=beat)
    elif session.step == "tail":
        yield "resume", world._replace(session=session._replace(step="store", tail=redis.log))
    elif session.step == "store":
        rows = tuple(row for row in world.store.rows if not world.store.left_seq or row.seq <= world.store.left_seq)
        read = session._replace(step="replay", rows=rows, left_seq=world.store.left_seq)
        yield "resume", world._replace(session=read)
    elif session.step == "replay":
        yield "resume", world._replace(session=_replay(session, has))


def _deliver(world: World) -> World:
    (epoch, record), *rest = world.bus
    world = world._replace(bus=tuple(rest))
    session = world.session
    if session.step == "gone" or epoch != session.epoch:
        return world
    if session.step == "live":
        return world._replace(session=_show(session, record))
    return world._replace(session=session._replace(held=(*session.held, record)))


def _show(session: Session, record: Record) -> Session:
    """A live event: applied once, in order. An edit of a message that the reader does not have is skipped."""
    if record.version <= session.position:
        return session
    screen = dict(session.screen)
    if record.kind != "edit" or record.seq in screen:
        screen[record.seq] = record.text
    return session._replace(position=record.version, screen=tuple(sorted(screen.items())))


def _replay(session: Session, has: Mechanisms) -> Session:
    """Lays the tail over the rows and shows the changes after ``since``, up to the horizon; then goes live."""
    found = {row.seq: row for row in session.rows}
    stored = set(found)
    left = session.left_seq
    for record in session.tail:
        row = found.get(record.seq)
        if record.kind != "edit" and row is None and not left:
            found[record.seq] = Row(record.seq, record.text, record.version, record.version)
        elif record.kind == "edit" and row is not None and record.version > row.version:
            found[record.seq] = row._replace(text=record.text, version=record.version)
        if record.kind == "remove":
            left = record.seq
    screen = {} if session.fresh else dict(session.screen)
    for row in found.values():
        within = row.version <= session.horizon
        if has.keep_created_rows:
            within = within or row.created <= session.horizon
        gone = left if row.seq not in stored else session.left_seq  # rows go by the memberships read with them
        if row.version > session.since and within and not (gone and row.seq > gone):
            screen[row.seq] = row.text
    live = session._replace(
        step="live",
        position=max(session.horizon, 0 if session.fresh else session.position),
        screen=tuple(sorted(screen.items())),
        tail=(),
        rows=(),
        left_seq=0,
        held=(),
        since=0,
        horizon=0,
        fresh=False,
    )
    for record in session.held:
        live = _show(live, record)
    return live
