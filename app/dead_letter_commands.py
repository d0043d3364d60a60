"""``flask --app wsgi dead-letters list|show|retry|drop``: records that could not be stored."""

from __future__ import annotations

import json
from functools import partial

import click
from flask.cli import AppGroup
from redis.exceptions import RedisError

from app.container import Container, current_container
from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.core.records import Record
from app.message_log.append import Append, AppendLimits
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.redis_calls import EpochLostError
from app.services.audit.record import record as audit
from app.services.drain.retry_dead_letters import DeadLetterError, DeadLetterRetry, record_of
from app.services.drain.store_records import DrainStats, RecordStore
from app.services.messaging.worker_changes import WorkerChanges
from app.store.dead_letters import DeadLetterRow, delete_dead_letter, find_dead_letter, list_dead_letters
from app.store.engine import reading, writing
from app.store.epochs import StaleEpochError
from app.task_queue import wake_drain

PAGE = 100
LATER = (Overloaded, RedisError, StaleEpochError, EpochLostError)

dead_letters = AppGroup("dead-letters", help="Look at records that could not be stored; retry or drop them.")


@dead_letters.command("list", help="List the dead letters, oldest first, without their content.")
def list_all() -> None:
    after = 0
    while rows := _page(after):
        for row in rows:
            click.echo(f"{row.id}  {row.created_at:%Y-%m-%d %H:%M:%S}  {_what(row)}  {row.reason.splitlines()[0]}")
        after = rows[-1].id


@dead_letters.command("show", help="Show one dead letter: its record, with the text, and the traceback.")
@click.argument("letter_id", type=int)
def show(letter_id: int) -> None:
    with reading(current_container().engine) as connection:
        row = find_dead_letter(connection, letter_id)
    if row is None:
        raise click.ClickException(f"There is no dead letter {letter_id}.")
    record = record_of(row.record)
    content = row.record.hex() if record is None else _as_json(record)
    click.echo(f"{content}\n\n{row.reason}")


@dead_letters.command("retry", help="Try to store dead letters again. Fix the cause first.")
@click.argument("letter_ids", type=int, nargs=-1, required=True)
def retry(letter_ids: tuple[int, ...]) -> None:
    retries = _build_retry(current_container())
    for letter_id in letter_ids:
        try:
            retries.retry(letter_id)
        except DeadLetterError as error:
            raise click.ClickException(f"{letter_id} was not retried: {error}.") from None
        except LATER as error:
            raise click.ClickException(
                f"{letter_id} was not retried; try again later ({type(error).__name__})."
            ) from None
        with writing(current_container().engine) as connection:
            audit(connection, "dead_letter.retried", letterId=letter_id)
        click.echo(f"{letter_id} was retried.")


@dead_letters.command("drop", help="Delete dead letters for good.")
@click.argument("letter_ids", type=int, nargs=-1, required=True)
def drop(letter_ids: tuple[int, ...]) -> None:
    for letter_id in letter_ids:
        with writing(current_container().engine) as connection:
            if not delete_dead_letter(connection, letter_id):
                raise click.ClickException(f"There is no dead letter {letter_id}.")
            audit(connection, "dead_letter.dropped", letterId=letter_id)
        click.echo(f"{letter_id} was dropped.")


def _page(after: int) -> list[DeadLetterRow]:
    with reading(current_container().engine) as connection:
        return list_dead_letters(connection, after=after, limit=PAGE)


def _what(row: DeadLetterRow) -> str:
    record = record_of(row.record)
    return "not a record" if record is None else _summary(record)


def _summary(record: Record) -> str:
    kind = Kind(record.kind).name if record.kind in list(Kind) else f"kind {record.kind}"
    return f"{kind} conversation={record.conversation_id} seq={record.seq} user={record.user_id}"


def _build_retry(shared: Container) -> DeadLetterRetry:
    settings = shared.settings

    def append_in(shard: Shard) -> Append:
        return Append(
            shard,
            "command-line",
            AppendLimits(settings.log_max_records, settings.log_max_bytes, settings.dedupe_seconds),
            connect=lambda: shard.redis,
            saw_epoch=lambda _number: None,
            wake=partial(wake_drain, shard.part.number),
        )

    def store_of(conversation_id: int) -> RecordStore:
        reader = LogReader(shared.shards.of(conversation_id))
        return RecordStore(reader, shared.engine, DrainStats(), pushes_pending=lambda: None, not_the_records=())

    return DeadLetterRetry(
        engine=shared.engine, store_of=store_of, send=WorkerChanges(shared.shards, shared.engine, append_in).carry_out
    )


def _as_json(record: Record) -> str:
    return json.dumps(dict(zip(Record.__annotations__, record, strict=True)), indent=2, ensure_ascii=False)
