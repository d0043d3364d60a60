"""``flask --app wsgi audit``: who did what, on whom, from where and when."""

from __future__ import annotations

import click
import msgspec
from flask.cli import with_appcontext

from app.cli_errors import errors_in_one_line
from app.container import current_container
from app.core.audit import ACTIONS, AuditEntry, AuditFilter
from app.core.times import ms_of_time
from app.services.audit.read_audit import list_audit
from app.user_commands import user_named

PAGE = 100


@click.command("audit", help="List acts that matter for security, newest first.")
@click.option("--user", "username", help="Only acts by this user, and acts on this user.")
@click.option("--user-id", type=int, help="The same, by id; also for deleted users.")
@click.option("--action", type=click.Choice(ACTIONS), help="Only acts of this kind.")
@click.option("--since", help="Only acts since this date or RFC 3339 time.")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@with_appcontext
@errors_in_one_line()
def audit(
    username: str | None, user_id: int | None, action: str | None, since: str | None, limit: int, as_json: bool
) -> None:
    since_ms = ms_of_time(since, "since") if since else None
    wanted = AuditFilter(user_named(username) if username else user_id, action, since_ms)
    for entry in _entries(wanted, limit):
        click.echo(msgspec.json.encode(entry).decode() if as_json else _line(entry))


def _entries(wanted: AuditFilter, limit: int) -> list[AuditEntry]:
    engine = current_container().engine
    found: list[AuditEntry] = []
    cursor: str | None = None
    while len(found) < limit:
        page = list_audit(wanted, cursor, min(PAGE, limit - len(found)), engine=engine)
        found += page.entries
        if not isinstance(page.cursor, str):
            break
        cursor = page.cursor
    return found


def _line(entry: AuditEntry) -> str:
    fields = {
        "actor": entry.actor_id,
        "target": entry.target_id,
        "from": entry.address,
        "count": entry.count if entry.count > 1 else msgspec.UNSET,
        **(entry.details or {}),
    }
    return f"{entry.at}  {entry.action}" + "".join(
        f"  {name}={value}" for name, value in fields.items() if value is not msgspec.UNSET
    )
