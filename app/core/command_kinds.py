"""The table of the commands of the protocol. Records are in kinds.py, events in event_kinds.py.

To add a command, add its row here (docs/how-to/add-a-command.md). tests/unit/test_kinds.py fails if a row lacks its
document, its client method or its REST twin.
"""

from __future__ import annotations

from msgspec import Struct

from app.core import answers, change_answers, commands, custom_answers
from app.core.kind_rows import CommandKind
from app.core.kinds import Kind


def _acked(data: type[commands.Command], summary: str, ack: type[Struct], *rest: str) -> CommandKind:
    return CommandKind(data, summary, "ack", ack, rest)


def _change_command(data: type[commands.Command], summary: str, *rest: str) -> CommandKind:
    """``rest``: method and path, relative to the path of the message."""
    twins = ("{} /api/v1/messages/{{messageId}}{}".format(*call.partition(" ")[::2]) for call in rest)
    return _acked(data, summary, change_answers.ChangeAck, *twins)


def _switch_command(summary: str, switch: str, record: Kind) -> CommandKind:
    """A command called ``<switch>_message``. ``PUT …/<switch>`` turns it on, ``DELETE …/<switch>`` off."""
    row = _change_command(commands.SwitchMessage, summary, f"PUT /{switch}", f"DELETE /{switch}")
    return row._replace(switch=switch, record=record)


_HERE, _STREAM = "/api/v1/conversations/{conversationId}", "POST /api/v1/streams/{messageId}"
COMMANDS: dict[str, CommandKind] = {
    "join": CommandKind(commands.Join, "Begin the session; resume from `cursor` if it is given", "joined"),
    "authenticate": _acked(
        commands.Authenticate, "Present the next token before the current one expires", answers.AuthenticateAck
    ),
    "send_message": _acked(
        commands.SendMessage, "Send to `conversationId` or to `receiverId`", answers.Ack, "POST /api/v1/messages"
    ),
    "edit_message": _change_command(commands.EditMessage, "Change the text of your own message", "PATCH"),
    "delete_message": _change_command(
        commands.DeleteMessage, "Delete for everyone, or (`scope: me`) only for yourself", "DELETE"
    ),
    "react": _change_command(
        commands.React,
        "React to a message, or take the reaction back",
        "PUT /reactions/{emoji}",
        "DELETE /reactions/{emoji}",
    ),
    "pin_message": _switch_command("Pin a message, or unpin it", "pin", Kind.PINNED),
    "star_message": _switch_command("Star a message for yourself, or take the star away", "star", Kind.STARRED),
    "set_draft": _acked(
        commands.SetDraft,
        "Keep what you have begun to write, for your other devices",
        change_answers.OwnAck,
        f"PUT {_HERE}/draft",
        f"DELETE {_HERE}/draft",
    ),
    "mark_unread": _acked(
        commands.MarkUnread,
        "Show a conversation as unread on your own devices, or no longer",
        change_answers.OwnAck,
        f"PUT {_HERE}/unread",
        f"DELETE {_HERE}/unread",
    ),
    "clear_conversation": _acked(
        commands.ClearConversation,
        "Remove the messages up to `seq` from your own view",
        change_answers.ClearAck,
        f"POST {_HERE}/clear",
    ),
    "fetch_unread_messages": CommandKind(
        commands.FetchUnread,
        "Fetch unread messages; marks them delivered, not read",
        "unread_messages",
        rest=("GET /api/v1/messages/unread",),
    ),
    "message_delivered": _acked(
        commands.Mark, "Everything up to and including `seq` has arrived", answers.MarkAck, f"POST {_HERE}/delivered"
    ),
    "message_read": _acked(
        commands.Mark, "Everything up to and including `seq` was read", answers.MarkAck, f"POST {_HERE}/read"
    ),
    "typing": CommandKind(
        commands.Typing,
        "Show the other members that you are typing, or have stopped",
        None,
        rest=(f"POST {_HERE}/typing",),
    ),
    "send_event": _acked(
        commands.SendEvent,
        "Send an event of your application to the other members who are online",
        custom_answers.EventAck,
        f"POST {_HERE}/events",
    ),
    "presence_subscribe": CommandKind(
        commands.PresenceSubscribe,
        "Watch who comes online and goes offline; at most 5000 people per session",
        "presence",
        rest=("GET /api/v1/presence",),
    ),
    "start_stream": _acked(commands.StartStream, "Send a message that grows", answers.Ack, "POST /api/v1/streams"),
    "append_stream": _acked(
        commands.AppendStream, "Add text to your stream", change_answers.AppendAck, f"{_STREAM}/append"
    ),
    "end_stream": _acked(commands.EndStream, "End your stream", change_answers.ChangeAck, f"{_STREAM}/end"),
    "stop_stream": _change_command(commands.StopStream, "End a stream in your conversation", "POST /stop"),
    "ping": CommandKind(commands.Ping, "Check that the session is alive", "pong"),
}
