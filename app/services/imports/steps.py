"""The steps of an import. Each is one transaction, with the lock on the import's row."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from app.clock import now_ms
from app.core.accounts import showable
from app.core.errors import Overloaded
from app.core.host_users import username_for
from app.core.imports import MAX_ERRORS, version_of
from app.services.imports.check_lines import Limits, Plan, plan_lines
from app.store import host_conversations, host_users, import_plans, import_writes, imports, search_index
from app.store.direct_pairs import pair_of
from app.store.import_plans import PlannedMessage
from app.store.import_writes import Moved, NewConversation, NewUser
from app.store.imports import Progress, StoredImport
from app.store.people_names import write_new_names

# A statement of this size takes some ten milliseconds, for which it has one of Postgres' CPUs to itself.
USERS_AT_ONCE = 100
MESSAGES_AT_ONCE = 1000
CONVERSATIONS_AT_ONCE = 200
DELETED_AT_ONCE = 2000
TRIES = 3


def check_piece(conn: Connection, found: StoredImport, limits: Limits) -> str:
    """Checks the next piece of the body. Returns the import's next state."""
    progress = found.progress
    piece = imports.read_piece(conn, found.id, progress.checked)
    if piece is not None:
        lines = zlib.decompress(piece.data).split(b"\n")
        plan = plan_lines(conn, found.id, piece.first_line, lines, limits=limits, now_ms=now_ms())
        _note(progress, plan)
        if not progress.errors:
            _keep(conn, found.id, plan, progress)
        imports.delete_piece(conn, found.id, progress.checked)
    progress.checked += 1
    if len(progress.errors) >= MAX_ERRORS:
        return "failed"
    if progress.checked < found.pieces:
        return "checking"
    return "failed" if progress.errors else "running"


def _note(progress: Progress, plan: Plan) -> None:
    progress.errors = (progress.errors + plan.errors)[:MAX_ERRORS]
    progress.ignored = sorted({*progress.ignored, *plan.ignored})[:MAX_ERRORS]
    progress.done += plan.skipped


def _keep(conn: Connection, import_id: str, plan: Plan, progress: Progress) -> None:
    import_plans.add_users(conn, import_id, plan.users)
    import_plans.add_conversations(conn, import_id, list(plan.conversations.values()))
    import_plans.add_messages(conn, import_id, plan.messages)
    times = [message.sent_ms for message in _in_new(plan.messages)]
    if times:
        progress.first_ms = min([*times, progress.first_ms or times[0]])
        progress.last_ms = max([*times, progress.last_ms])


def _in_new(messages: Sequence[PlannedMessage]) -> Iterator[PlannedMessage]:
    return (message for message in messages if not message.live)


def write_users(conn: Connection, found: StoredImport, visible: str) -> bool:
    """Writes the next users. Returns whether there may be more."""
    progress = found.progress
    users = import_writes.users_after(conn, found.id, progress.name, USERS_AT_ONCE)
    for user in users:
        _write_user(conn, user, progress, visible)
        progress.name = user.external_id
    progress.done += len(users)
    return bool(users)


def _write_user(conn: Connection, user: NewUser, progress: Progress, visible: str) -> None:
    """If somebody has taken the user name since it was checked, the user gets another one. If the host has created the
    user since then, the messages belong to that user.
    """
    for name in _usernames(user):
        named = user
        if not user.fields["displayName"]:
            named = user._replace(fields={**user.fields, "displayName": showable(user.external_id) or name})
        if import_writes.add_user(conn, named, name, visible):
            write_new_names(conn, [(user.user_id, named.fields["displayName"])])
            return
        there = host_users.user_ids_of(conn, [user.external_id]).get(user.external_id)
        if there is not None:
            if there != user.user_id:
                progress.moved[str(user.user_id)] = there
            return


def _usernames(user: NewUser) -> Iterator[str]:
    if user.username is not None:
        yield user.username
    for attempt in range(TRIES + 1):
        yield username_for(user.external_id, attempt)


def write_messages(conn: Connection, found: StoredImport) -> tuple[list[Moved], bool]:
    """Writes the next messages of new conversations, and the conversations that are complete with them. Returns
    where it wrote, and whether there may be more.
    """
    progress = found.progress
    moved = import_writes.move_messages(conn, found.id, progress, MESSAGES_AT_ONCE)
    count = sum(one.messages for one in moved)
    complete = {progress.conversation: progress.seq} if progress.conversation else {}
    complete.update({one.conversation_id: one.seq for one in moved})
    if moved:
        last = moved[-1]
        progress.conversation, progress.seq = last.conversation_id, last.seq
        progress.ms, progress.line = last.ms, last.line
    if count == MESSAGES_AT_ONCE:
        del complete[progress.conversation]  # this conversation may have more
    progress.done += count
    _write_conversations(conn, found, complete)
    return moved, count == MESSAGES_AT_ONCE


def write_rest(conn: Connection, found: StoredImport) -> bool:
    """Writes conversations without messages, and external ids of direct ones. Returns whether there may be more."""
    progress = found.progress
    rest = import_writes.unwritten(conn, found.id, progress.conversation, CONVERSATIONS_AT_ONCE)
    _write_conversations(conn, found, {one.id: 0 for one, is_new in rest if is_new})
    named = [one for one, is_new in rest if not is_new]
    for one in named:
        holder = host_conversations.find_by_external_id(conn, one.external_id or "")
        if holder is None:
            host_conversations.name_direct(conn, one.id, one.external_id or "")
        progress.done += 1
    if rest:
        progress.conversation = rest[-1][0].id
    return bool(rest)


def _write_conversations(conn: Connection, found: StoredImport, complete: dict[int, int]) -> None:
    progress = found.progress
    planned = import_writes.new_conversations(conn, found.id, complete)
    new = _with_real_users(conn, planned, progress.moved)
    made = import_writes.add_conversations(conn, new, [complete[one.id] for one in new])
    for one in new:
        if one.id not in made:
            if not import_writes.give_back(conn, found.id, one):
                raise Overloaded("A conversation that was in the way has just disappeared.")
            progress.done -= complete[one.id]
    import_writes.mark_written(conn, found.id, [one.id for one in new])
    progress.done += sum(one.fields.get("line", False) for one in new)


def _with_real_users(
    conn: Connection, planned: Sequence[NewConversation], moved: Mapping[str, int]
) -> list[NewConversation]:
    """Returns the conversations with the users that exist now: some were planned under another id, and accounts of
    others were deleted after the check.
    """
    users = {user: moved.get(str(user), user) for one in planned for user, _ in one.fields["members"]}
    there = host_conversations.existing_users(conn, sorted(set(users.values())))
    new = []
    for one in planned:
        members = {users[user]: role for user, role in one.fields["members"] if users[user] in there}
        pair = [moved.get(str(user), user) for user in (one.low, one.high) if user is not None]
        low, high = pair_of(*pair) if pair else (None, None)
        new.append(one._replace(low=low, high=high, fields={**one.fields, "members": list(members.items())}))
    return new


def index_later(conn: Connection, progress: Progress) -> None:
    """Queues the messages in new conversations for the indexer of the search."""
    if progress.last_ms:
        first, last = version_of(progress.first_ms), version_of(progress.last_ms + 1) - 1
        search_index.backfill(conn, first, last)


def clean_up(conn: Connection, found: StoredImport) -> bool:
    """Deletes the rest of the plan. Returns whether there may be more."""
    if import_plans.delete_some_messages(conn, found.id, DELETED_AT_ONCE):
        return True
    import_plans.delete_rest(conn, found.id)
    return False
