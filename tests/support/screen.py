"""The screen of a client, built from received events by the same rules for every transport.

Messages are kept by id, and the latest event about a message wins. Events about a message that is not on the screen
change nothing (for example a message from before its reader joined, or one that the reader deleted for themselves). A
client that joins a conversation loads the earlier messages over REST, and a client that leaves closes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.support.clients import Event, RestClient

Data = dict[str, Any]
SHOWN_OF_A_MESSAGE = ("seq", "senderId", "kind", "message", "attachments", "replyTo", "forwarded", "system", "editedAt")
SHOWN_OF_A_CONVERSATION = ("kind", "name", "description", "avatarUrl", "history", "memberCount")


class Screen:
    """One user's view. ``feed`` takes events in order; ``shown`` returns the comparable view of a conversation."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.messages: dict[int, dict[str, Data]] = defaultdict(dict)
        self.reactions: dict[tuple[int, str], dict[str, tuple[int, bool]]] = {}
        self.conversations: dict[int, Data] = {}
        self.marks: dict[tuple[int, int], tuple[int, int]] = {}
        self.began: dict[int, int] = {}
        self.left: set[int] = set()

    def feed(self, events: Iterable[Event]) -> Screen:
        for event in events:
            handler = getattr(self, f"_{event.name}", None)
            if handler is not None:
                handler(event.data)
        return self

    # -- messages --------------------

    def _receive_message(self, data: Data) -> None:
        self._note_join(data)
        if "deletedAt" in data:
            self._message_deleted(data)
        else:
            self._put(data)

    def _message_updated(self, data: Data) -> None:
        if data["id"] in self.messages[data["conversationId"]]:
            self._receive_message(data)

    def _put(self, data: Data) -> None:
        conversation, id_ = data["conversationId"], data["id"]
        self.messages[conversation][id_] = {**data, "pinned": "pinnedAt" in data}
        if "reactions" in data:
            self.reactions[conversation, id_] = {r["emoji"]: (r["count"], r["mine"]) for r in data["reactions"]}

    def _message_deleted(self, data: Data) -> None:
        self.messages[data["conversationId"]].pop(data["id"], None)
        self.reactions.pop((data["conversationId"], data["id"]), None)

    def _conversation_cleared(self, data: Data) -> None:
        there = self.messages[data["conversationId"]]
        for message in [m for m in there.values() if m["seq"] <= data["seq"]]:
            self._message_deleted(message)
        for message in there.values():
            if message.get("quoted", {}).get("seq", data["seq"] + 1) <= data["seq"]:
                del message["quoted"]

    def _reaction(self, data: Data) -> None:
        where = (data["conversationId"], data["id"])
        if data["id"] not in self.messages[where[0]]:
            return
        shown = self.reactions.setdefault(where, {})
        count, mine = shown.get(data["emoji"], (0, False))
        mine = data["on"] if data["userId"] == self.user_id else mine
        shown[data["emoji"]] = (count + (1 if data["on"] else -1), mine)

    def _message_pinned(self, data: Data) -> None:
        message = self.messages[data["conversationId"]].get(data["id"])
        if message is not None:
            message["pinned"] = data["on"]

    # -- conversations --------------------

    def _note_join(self, data: Data) -> None:
        system = data.get("system", {})
        added = self.user_id in system.get("userIds", ()) if system.get("type") == "added" else False
        if added or (system.get("type") == "joined" and data["senderId"] == self.user_id):
            self.began[data["conversationId"]] = data["seq"]

    def _conversation_updated(self, data: Data) -> None:
        if data.get("left"):
            self.left.add(data["id"])
            return
        self.left.discard(data["id"])
        self.conversations[data["id"]] = data
        for member in data.get("members", ()):
            self._mark(data["id"], member["userId"], member["deliveredSeq"], member["readSeq"])

    def _message_delivered(self, data: Data) -> None:
        self._mark(data["conversationId"], data["userId"], data["seq"], 0)

    def _message_read(self, data: Data) -> None:
        self._mark(data["conversationId"], data["userId"], data["seq"], data["seq"])

    def _mark(self, conversation: int, user: int, delivered: int, read: int) -> None:
        before = self.marks.get((conversation, user), (0, 0))
        self.marks[conversation, user] = (max(before[0], delivered), max(before[1], read))

    # -- REST --------------------

    def load(self, rest: RestClient, conversation: int, before: int) -> None:
        """Replaces messages older than ``before`` with those of the history."""
        self.messages[conversation] = {i: m for i, m in self.messages[conversation].items() if m["seq"] >= before}
        for message in history_before(rest, conversation, before):
            self._receive_message(message)

    def load_history_of_joined(self, rest: RestClient) -> Screen:
        """Loads earlier messages, as a client does when it is added to a conversation."""
        for conversation, seq in list(self.began.items()):
            if conversation not in self.left:
                self.load(rest, conversation, seq)
        return self

    # -- comparable form --------------------

    def shown(self, conversation: int) -> Any:
        """Returns everything that a reader sees of one conversation, in a comparable form."""
        if conversation in self.left:
            return "left"
        return {
            "messages": [self._shown_message(conversation, m) for m in self._in_order(conversation)],
            "conversation": self._shown_conversation(conversation),
        }

    def _in_order(self, conversation: int) -> list[Data]:
        return sorted(self.messages[conversation].values(), key=lambda m: m["seq"])

    def _shown_message(self, conversation: int, message: Data) -> Data:
        reactions = self.reactions.get((conversation, message["id"]), {})
        quoted = message.get("quoted")
        return {
            "id": message["id"],
            **{name: message[name] for name in SHOWN_OF_A_MESSAGE if name in message},
            "mentions": (sorted(message.get("mentions", ())), message.get("mentionsAll", False)),
            "pinned": message["pinned"],
            "quoted": quoted and (quoted["id"], quoted["seq"], quoted["senderId"]),
            "reactions": {emoji: shown for emoji, shown in sorted(reactions.items()) if shown[0]},
        }

    def _shown_conversation(self, conversation: int) -> Data | None:
        known = self.conversations.get(conversation, {"kind": "direct"})
        if known["kind"] == "direct":  # in a direct conversation only the messages change
            return None
        members = {m["userId"]: (m["role"], *self.marks[conversation, m["userId"]]) for m in known.get("members", ())}
        return {**{name: known.get(name) or None for name in SHOWN_OF_A_CONVERSATION}, "members": members}


def history_before(rest: RestClient, conversation: int, before: int) -> list[Data]:
    """Returns all messages of the history below a seq, ascending."""
    found: list[Data] = []
    more = True
    while more:
        page = rest.history(conversation, before=found[0]["seq"] if found else before, limit=100)
        found[:0] = page["messages"]
        more = page["hasMore"]
    return found


def from_rest(rest: RestClient, user_id: int, conversations: Iterable[int]) -> Screen:
    """Returns the screen of a client that starts now and reads everything over REST."""
    screen = Screen(user_id)
    member_of = {c["id"] for c in rest.conversations(limit=100)["conversations"]}
    for conversation in conversations:
        if conversation not in member_of:
            screen.left.add(conversation)
            continue
        screen._conversation_updated(rest.conversation(conversation))
        screen.load(rest, conversation, 2**52)
    return screen
