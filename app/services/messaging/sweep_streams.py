"""Stores the text of open streams from time to time, and ends those whose writer is gone.

A stream is over if nothing was added for ``IDLE_SECONDS``. It is also over if Redis lost it; it then ends with the text
that Postgres has. If the hook before sending refuses that text, the message is deleted. Safe to run at any time, and
twice.
"""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.errors import Overloaded, Rejected
from app.core.records import MessageBody
from app.message_log.shards import Shard, Shards
from app.redis_calls import EpochLostError
from app.redis_scripts import script
from app.services.messaging.end_stream import ending, read_current, removing
from app.services.messaging.judge_stream import StreamJudge
from app.services.messaging.worker_changes import WorkerChanges
from app.services.reading.pending_changes import Place
from app.store import streams
from app.store.engine import reading, writing

IDLE_SECONDS = 60.0
TEXTS_AT_ONCE = 200
SAVED_SECONDS = 86_400


class StreamSweeper:
    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        changes: WorkerChanges,
        judge: StreamJudge,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._judge = judge
        self._engine = engine
        self._shards = shards
        self._changes = changes
        self._idle_seconds = idle_seconds

    def sweep(self) -> None:
        """Raises Overloaded or RedisError, after the streams of all shards for which that is possible."""
        try:
            self._shards.visit(self._sweep)
        except EpochLostError as error:
            raise Overloaded("A new epoch is beginning.") from error

    def _sweep(self, shard: Shard) -> None:
        idle_ms = int(self._idle_seconds * 1000)
        find = script(shard.redis, "app.message_log", "sweep_streams")
        over, grown = find(keys=[shard.keys.streams, shard.keys.epoch], args=[shard.keys.prefix, idle_ms])
        texts = [(_place(p), int(n), text.decode()) for p, n, text in zip(*[iter(grown)] * 3, strict=True)]
        # If the command that raises the number of shards was killed, streams that moved are still here as well.
        self._save(shard, [row for row in texts if shard.part.has(row[0][0])])
        for place in map(_place, over):
            if shard.part.has(place[0]):
                self._end(place)
        self._end_lost(shard)

    def _save(self, shard: Shard, grown: list[tuple[Place, int, str]]) -> None:
        for first in range(0, len(grown), TEXTS_AT_ONCE):
            some = grown[first : first + TEXTS_AT_ONCE]
            with writing(self._engine) as connection:
                saved = streams.save_texts(connection, [(*place, text) for place, _, text in some])
            pipe = shard.redis.pipeline(transaction=False)
            for place, length, _ in some:
                if place in saved:
                    pipe.set(shard.keys.stream_saved(*place), length, ex=SAVED_SECONDS)
            pipe.execute()

    def _end(self, place: Place) -> None:
        current = read_current(place, engine=self._engine, shards=self._shards)
        if current is None or not current.grows:
            self._forget(place)
            return
        try:
            judged = self._judge.judge(current.view, None)
        except Rejected:
            return  # the hook does not answer; the next sweep calls it again
        if judged.refused is None:
            operation = ending(current, judged, engine=self._engine, add_mentions=_mention_nobody)
        else:
            operation = removing(current)
        self._changes.carry_out([operation])

    def _end_lost(self, shard: Shard) -> None:
        """Ends streams that Postgres has and Redis does not."""
        with reading(self._engine) as connection:
            places = streams.untouched(connection, self._idle_seconds)
        for place in places:
            is_here = shard.part.has(place[0])
            if is_here and shard.redis.zscore(shard.keys.streams, shard.keys.open_stream(*place)) is None:
                self._end(place)

    def _forget(self, place: Place) -> None:
        """The message was deleted, or it has ended."""
        shard = self._shards.of(place[0])
        pipe = shard.redis.pipeline(transaction=False)
        pipe.zrem(shard.keys.streams, shard.keys.open_stream(*place))
        pipe.srem(shard.keys.open_streams(place[0]), place[1])
        pipe.execute()
        with writing(self._engine) as connection:
            streams.remove(connection, *place)


def _place(text: bytes) -> Place:
    conversation_id, seq = text.split(b":")
    return int(conversation_id), int(seq)


def _mention_nobody(_conversation_id: int, _author: int, _body: MessageBody) -> None:
    """The writer is gone and cannot confirm the text, so it mentions nobody."""
