"""The names of the keys and channels of one shard, with their types and lifetimes (keys.py has the others).

All of them carry the shard's hash tag. The scripts compute key names as they run, so everything that one script touches
must be in one slot.
"""

from __future__ import annotations


class ShardKeys:
    """``number`` counts shards from 0. The first one has the tag of the keys that exist once, ``{parley}``."""

    def __init__(self, number: int = 0) -> None:
        prefix = f"{{parley:{number}}}:" if number else "{parley}:"
        self.prefix = prefix
        # string "<epoch>:<started ms>"; if it is absent, Redis lost its data
        self.epoch = prefix + "epoch"
        # string, set while a process begins a new epoch; expires by itself
        self.epoch_begins = prefix + "epoch-begins"
        # string, the last assigned version
        self.version = prefix + "version"
        # string, the greatest milestone beyond the version then that sessions got as a position; later versions are
        # greater. Only if there are several shards
        self.milestone = prefix + "milestone"
        # list of the last runs of the server, "<run id> <version at the first comparison in this run>"
        self.runs = prefix + "runs"
        # stream of unstored entries; each holds the records of one append
        self.log = prefix + "log"
        # hash: ``records`` and ``bytes`` in the log, ``entries`` ever added, ``gone`` the last one removed, ``stored``:
        # everything up to this version is in Postgres or in dead_letters
        self.log_state = prefix + "log-state"
        # string, the token of the running drain; expires by itself
        self.lease = prefix + "drain-lease"
        # string "<entry id>:<times>": how often storing the head of the log was begun
        self.attempts = prefix + "drain-attempts"
        # hash version -> times: records that a drain is storing by themselves
        self.records_begun = prefix + "records-begun"
        # string "<version>:<version>": the first and last record that a drain stores cautiously
        self.suspects = prefix + "suspects"
        # string, set while a drain stores records out of turn; expires by itself
        self.ahead = prefix + "drain-ahead"
        # list of unstored joinings and leavings, oldest first
        self.memberships = prefix + "memberships"
        # hash user id -> gateways with a session of the user, separated by spaces
        self.online = prefix + "online"
        # string, number of changes of ``online``
        self.places = prefix + "places"
        # string, number of those changes that moved the counts of large conversations
        self.places_counted = self.places + "-counted"
        # string, how often the counts of a large conversation were made
        self.builds = prefix + "builds"
        # zset gateway -> time of its last heartbeat, ms
        self.gateways = prefix + "gateways"
        # zset "<conversation>:<seq>" of an open stream -> time of its last append, ms
        self.streams = prefix + "streams"
        # channel of all gateways that keep rosters
        self.rosters = prefix + "rosters"

    def conversation(self, conversation_id: int) -> str:
        """hash {k kind, m members (an ARRAY32 if ``members`` agrees with it), n when a large one was loaded (s), o
        owners, a admins, f {member: seq after which they see messages}, i {name, description, avatarUrl, history,
        externalId, readOnly, metadata as text}, w 1 if only owners and admins may write, b users of a direct one who
        have blocked the other or whose other is deleted, s last seq, lv last version, x when its expiry was extended
        (s), d:<user>, r:<user> marks, u:<user> 1 if that user marked it as unread}
        """
        return f"{self.prefix}c:{conversation_id}"

    def members(self, conversation_id: int) -> str:
        """set of the members of a large conversation; expires with it"""
        return f"{self.prefix}cm:{conversation_id}"

    def counts(self, conversation_id: int) -> str:
        """hash gateway -> how many of its users are members of a large conversation (if it keeps no rosters: a list of
        them), "#build": number of these counts, "#others": ``places`` - ``places_counted`` when they were made,
        "#lists": 1 if a gateway keeps no rosters; expires with the conversation
        """
        return f"{self.prefix}gc:{conversation_id}"

    def large_groups(self, user_id: int) -> str:
        """set of the large conversations that this user may be a member of; expires LARGE_GROUPS_SECONDS after the last
        one was loaded
        """
        return f"{self.prefix}ug:{user_id}"

    def loading(self, token: str, what: str) -> str:
        """hash (for "c") or set (for "cm") of a large conversation that is being loaded; expires by itself"""
        return f"{self.prefix}l:{token}:{what}"

    def routes(self, conversation_id: int) -> str:
        """string: cached routes of 33 to 100 members, for the value of ``places`` in it; expires by itself"""
        return f"{self.prefix}rt:{conversation_id}"

    def tail(self, conversation_id: int) -> str:
        """list of the conversation's unstored records, oldest first"""
        return f"{self.prefix}t:{conversation_id}"

    def dedupe_mark(self, conversation_id: int, message_id: str) -> str:
        """string "<seq>:<version>:<sent ms>:<sender>" of a message id; expires after Settings.dedupe_seconds"""
        return f"{self.prefix}x:{conversation_id}:{message_id}"

    def gone(self, conversation_id: int, seq: int) -> str:
        """string: this message was deleted for everyone; expires with dedupe marks, long after Postgres has it"""
        return f"{self.prefix}y:{conversation_id}:{seq}"

    def changed(self, conversation_id: int, seq: int) -> str:
        """string: version of this message's last edit or pin; expires with dedupe marks"""
        return f"{self.prefix}e:{conversation_id}:{seq}"

    def last_edit(self, conversation_id: int, seq: int) -> str:
        """string: time of this message's last edit in ms; expires with dedupe marks, long after Postgres has it"""
        return f"{self.prefix}m:{conversation_id}:{seq}"

    def stream(self, conversation_id: int, seq: int) -> str:
        """hash {e epoch, n characters so far, w writer, i id, z 1 closed or 2 ended, b 1 if its writer did not end it,
        t token of the end, g 1 if the host's server began it, h 1 if only its writer sees it}; expires a day after the
        last append
        """
        return f"{self.prefix}s:{conversation_id}:{seq}"

    @staticmethod
    def open_stream(conversation_id: int, seq: int) -> str:
        """The stream's member of ``streams``."""
        return f"{conversation_id}:{seq}"

    def stream_text(self, conversation_id: int, seq: int) -> str:
        """string: the text of a stream so far; expires a day after the last append, or soon after the end"""
        return f"{self.prefix}sx:{conversation_id}:{seq}"

    def stream_saved(self, conversation_id: int, seq: int) -> str:
        """string: how many characters of a stream's text are in Postgres; expires by itself"""
        return f"{self.prefix}sk:{conversation_id}:{seq}"

    def stream_place(self, message_id: str) -> str:
        """string "<conversation>:<seq>" of the stream with this id; expires a day after the last append"""
        return f"{self.prefix}sid:{message_id}"

    def open_streams(self, conversation_id: int) -> str:
        """set of the seqs of a conversation's open streams; expires a day after the last one began"""
        return f"{self.prefix}so:{conversation_id}"

    def refused(self, version: int) -> str:
        """string: why this version was not stored, for a sender whose notice was lost; expires by itself"""
        return f"{self.prefix}refused:{version}"

    def gateway_users(self, gateway: str) -> str:
        """set of users with a session at this gateway"""
        return f"{self.prefix}g:{gateway}"

    def gateway_channel(self, gateway: str) -> str:
        return f"{self.prefix}to:{gateway}"
