"""Changes of one user's own view of a conversation: settings, a draft, clearing. No other member sees these changes.

change.lua checks that the user is a member.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.commands import ClearConversation, MarkUnread, SetDraft
from app.core.kinds import Kind
from app.core.records import ClearBody, DraftBody, SettingsBody, encode_body
from app.message_log.append import Operation
from app.services.messaging.prepared import Prepared


def change_settings(user_id: int, conversation_id: int, settings: SettingsBody) -> Prepared:
    """Returns the change of a member's own settings of a conversation: muted, archived, pinned."""
    return _own(Kind.SETTINGS, user_id, conversation_id, encode_body(settings))


def set_draft(user_id: int, command: SetDraft) -> Prepared:
    """Returns the change of the user's draft. If there are several, the last one in the log wins."""
    body = DraftBody(message=command.message, reply_to=command.reply_to)
    return _own(Kind.DRAFTED, user_id, command.conversation_id, encode_body(body))


def mark_unread(user_id: int, command: MarkUnread) -> Prepared:
    """Returns the change that shows the conversation as unread, or no longer. The record gets the user's read mark as
    its seq. The state ends when the user reads beyond it.
    """
    body = encode_body(SettingsBody(marked_unread=command.on))
    return _own(Kind.SETTINGS, user_id, command.conversation_id, body, [int(command.on)])


def clear_conversation(user_id: int, command: ClearConversation) -> Prepared:
    """Returns the change that removes messages from the user's view. change.lua refuses to remove a group."""
    body = encode_body(ClearBody(removed=command.remove))
    what = [-1 if command.seq is None else command.seq, int(command.remove)]
    return _own(Kind.CLEARED, user_id, command.conversation_id, body, what, names_seq=True)


def admit(user_id: int, conversation_id: int) -> Prepared:
    """Returns the change that shows the user a direct conversation that was held back from them. The caller has checked
    that it was (store/direct_pairs.py).
    """
    return _own(Kind.ADMITTED, user_id, conversation_id)


def _own(
    kind: int, user_id: int, conversation_id: int, body: str = "", what: Sequence[int] = (), *, names_seq: bool = False
) -> Prepared:
    answer = {"conversationId": conversation_id, "status": "stored"}
    return Prepared(Operation(kind, conversation_id, user_id, list(what), body), answer, names_seq)
