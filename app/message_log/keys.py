"""Every Redis key and channel, its type and lifetime, in one place.

All keys carry the hash tag ``{parley}``. The scripts compute key names as they run, so everything that one script
touches must be in one slot (docs/scaling.md says how to split that on a cluster).
"""

from __future__ import annotations

PREFIX = "{parley}:"

EPOCH = PREFIX + "epoch"  # string "<epoch>:<started ms>"; if it is absent, Redis lost its data
EPOCH_BEGINS = PREFIX + "epoch-begins"  # string, set while a process begins a new epoch; expires by itself
VERSION = PREFIX + "version"  # string, the last assigned version
RUNS = PREFIX + "runs"  # list of the last runs of the server, "<run id> <VERSION at the first comparison in this run>"
LOG = PREFIX + "log"  # stream of unstored entries; each holds the records of one append
LOG_STATE = PREFIX + "log-state"  # hash: ``records`` and ``bytes`` in the log, ``entries`` ever added,
# ``gone`` the last one removed, ``stored``: everything up to this version is in Postgres or in dead_letters
LEASE = PREFIX + "drain-lease"  # string, the token of the running drain; expires by itself
ATTEMPTS = PREFIX + "drain-attempts"  # string "<entry id>:<times>": how often storing the head of the log was begun
RECORDS_BEGUN = PREFIX + "records-begun"  # hash version -> times: records that a drain is storing by themselves
SUSPECTS = PREFIX + "suspects"  # string "<version>:<version>": the first and last record that a drain stores cautiously
AHEAD = PREFIX + "drain-ahead"  # string, set while a drain stores records out of turn; expires by itself
MEMBERSHIPS = PREFIX + "memberships"  # list of unstored joinings and leavings, oldest first
ONLINE = PREFIX + "online"  # hash user id -> gateways with a session of the user, separated by spaces
PLACES = PREFIX + "places"  # string, number of changes of ONLINE
PLACES_COUNTED = PLACES + "-counted"  # string, those of them that moved the counts of large conversations
BUILDS = PREFIX + "builds"  # string, how often the counts of a large conversation were made
GATEWAYS = PREFIX + "gateways"  # zset gateway -> time of its last heartbeat, ms
WATCHED = PREFIX + "watched"  # hash user id -> gateways with a session that watches the user, separated by spaces
SEEN = PREFIX + "seen"  # hash user id -> when the user was last online, ms; a task moves it to Postgres
REVOKED = PREFIX + "revoked"  # zset auth session -> when its last access token expires, s
SUSPENDED = PREFIX + "suspended"  # zset user id -> when the suspension ends, s
SHADOWED = PREFIX + "shadowed"  # the same, for shadow suspensions
AVATAR_FETCH = PREFIX + "avatar-fetch"  # string while a worker fetches an avatar; expires by itself
PROCESSES = PREFIX + "processes"  # zset process that publishes metrics -> when they expire, s
WRITE_PROBE = PREFIX + "write-probe"  # string that a worker writes to find out if Redis takes writes; expires by itself
WORKERS = PREFIX + "workers"  # zset worker -> its last heartbeat, s
PUSH_LEASE = PREFIX + "push-lease"  # string, the token of the push runner; expires by itself
PUSH_WAKE = PREFIX + "push-wake"  # list of at most one item: a push became pending since the runner last looked
WEBHOOK_LEASE = PREFIX + "webhook-lease"  # string, the token of the webhook runner; expires by itself
WEBHOOK_WAKE = PREFIX + "webhook-wake"  # list of at most one item: an event was written since the runner last looked
FED = PREFIX + "fed"  # string, set while a host gets events; expires by itself, and beat sets it again
FED_PRESENCE = PREFIX + "fed-presence"  # list of "<user> <1 or 0> <ms> <last seen ms>", written while FED is set
PUSH_OUTBOX = PREFIX + "push-outbox"  # list, in development: pushes that the local twin was given, newest first
STREAMS = PREFIX + "streams"  # zset "<conversation>:<seq>" of an open stream -> time of its last append, ms
ALL = PREFIX + "all"  # channel of all gateways
WATCHING = PREFIX + "watching"  # channel of all gateways that register in WATCHED, to count them
ROSTERS = PREFIX + "rosters"  # channel of all gateways that keep rosters

# The names of gateways that keep rosters begin with this. Those of an older release do not.
ROSTER_MARK = "r-"

# Idle conversations leave Redis after this time, and are loaded from Postgres again for their next message.
CONVERSATION_SECONDS = 24 * 3600
REFUSED_SECONDS = 600
# The notes of a large conversation's members live longer than the conversation: it is hydrated again after a week.
LARGE_GROUPS_SECONDS = 30 * 24 * 3600
LOADING_SECONDS = 600
# Longer than the timeout for Postgres.
EPOCH_BEGINS_MS = 10_000


def conversation(conversation_id: int) -> str:
    """hash {k kind, m members (an ARRAY32 if ``members`` agrees with it), n when a large one was loaded (s), o owners,
    a admins, f {member: seq after which they see messages}, i {name, description, avatarUrl, history, externalId,
    readOnly, metadata as text}, w 1 if only owners and admins may write, b users of a direct one who have blocked the
    other or whose other is deleted, s last seq, lv last version, x when its expiry was extended (s), d:<user>, r:<user>
    marks, u:<user> 1 if that user marked it as unread}"""
    return f"{PREFIX}c:{conversation_id}"


def members(conversation_id: int) -> str:
    """set of the members of a large conversation; expires with it"""
    return f"{PREFIX}cm:{conversation_id}"


def counts(conversation_id: int) -> str:
    """hash gateway -> how many of its users are members of a large conversation (if it keeps no rosters: a list of
    them), "#build": number of these counts, "#others": PLACES - PLACES_COUNTED when they were made, "#lists": 1 if a
    gateway keeps no rosters; expires with the conversation"""
    return f"{PREFIX}gc:{conversation_id}"


def large_groups(user_id: int) -> str:
    """set of the large conversations that this user may be a member of; expires LARGE_GROUPS_SECONDS after the last one
    was loaded"""
    return f"{PREFIX}ug:{user_id}"


def loading(token: str, what: str) -> str:
    """hash (what "c") or set ("cm"): a large conversation that is being loaded; expires by itself"""
    return f"{PREFIX}l:{token}:{what}"


def routes(conversation_id: int) -> str:
    """string: cached routes of 33 to 100 members, for the value of PLACES that it contains; expires by itself"""
    return f"{PREFIX}rt:{conversation_id}"


def tail(conversation_id: int) -> str:
    """list of the conversation's unstored records, oldest first"""
    return f"{PREFIX}t:{conversation_id}"


def dedupe_mark(conversation_id: int, message_id: str) -> str:
    """string "<seq>:<version>:<sent ms>:<sender>" of a message id; expires after Settings.dedupe_seconds"""
    return f"{PREFIX}x:{conversation_id}:{message_id}"


def gone(conversation_id: int, seq: int) -> str:
    """string: this message was deleted for everyone; expires with dedupe marks, long after Postgres has it"""
    return f"{PREFIX}y:{conversation_id}:{seq}"


def changed(conversation_id: int, seq: int) -> str:
    """string: version of this message's last edit or pin; expires with dedupe marks"""
    return f"{PREFIX}e:{conversation_id}:{seq}"


def last_edit(conversation_id: int, seq: int) -> str:
    """string: time of this message's last edit in ms; expires with dedupe marks, long after Postgres has it"""
    return f"{PREFIX}m:{conversation_id}:{seq}"


def stream(conversation_id: int, seq: int) -> str:
    """hash {e epoch, n characters so far, w writer, i id, z 1 closed or 2 ended, b 1 if its writer did not end it, t
    token of the end, g 1 if the host's server began it, h 1 if only its writer sees it}; expires a day after the last
    append"""
    return f"{PREFIX}s:{conversation_id}:{seq}"


def open_stream(conversation_id: int, seq: int) -> str:
    """The stream's member of ``STREAMS``."""
    return f"{conversation_id}:{seq}"


def stream_text(conversation_id: int, seq: int) -> str:
    """string: the text of a stream so far; expires a day after the last append, or soon after the end"""
    return f"{PREFIX}sx:{conversation_id}:{seq}"


def stream_saved(conversation_id: int, seq: int) -> str:
    """string: how many characters of a stream's text are in Postgres; expires by itself"""
    return f"{PREFIX}sk:{conversation_id}:{seq}"


def stream_place(message_id: str) -> str:
    """string "<conversation>:<seq>" of the stream with this id; expires a day after the last append"""
    return f"{PREFIX}sid:{message_id}"


def open_streams(conversation_id: int) -> str:
    """set of the seqs of a conversation's open streams; expires a day after the last one began"""
    return f"{PREFIX}so:{conversation_id}"


def refused(version: int) -> str:
    """string: why this version was not stored, for a sender whose notice was lost; expires by itself"""
    return f"{PREFIX}refused:{version}"


def gateway_users(gateway: str) -> str:
    """set of users with a session at this gateway"""
    return f"{PREFIX}g:{gateway}"


def gateway_watches(gateway: str) -> str:
    """set of users that sessions of this gateway watch; expires a day after the last one was added"""
    return f"{PREFIX}gw:{gateway}"


def devices(user_id: int) -> str:
    """hash "<gateway> <device id>" -> sessions of this device there; expires by itself. Dead gateways leave fields
    behind: a field counts only if ONLINE names its gateway"""
    return f"{PREFIX}dev:{user_id}"


def gateway_channel(gateway: str) -> str:
    return f"{PREFIX}to:{gateway}"


def process_metrics(name: str) -> str:
    """string: one process's metrics; expires by itself"""
    return f"{PREFIX}metrics:{name}"


def ticket(digest: str) -> str:
    """string: the caller of the ticket with this SHA-256 (msgpack); expires by itself"""
    return f"{PREFIX}ticket:{digest}"


def password_failures(digest: str) -> str:
    """hash: the wrong passwords or codes of one network or device for one name; expires by itself"""
    return f"{PREFIX}password-failures:{digest}"


def rate(what: str, who: str) -> str:
    """string: when this token bucket is full again, µs; expires then"""
    return f"{PREFIX}rate:{what}:{who}"


def user_news(user_id: int) -> str:
    """string while a task waits that announces this user's new profile; expires by itself"""
    return f"{PREFIX}user-news:{user_id}"


def user_news_pause(user_id: int) -> str:
    """string until the next announcement of a user whom very many people know; expires by itself"""
    return f"{PREFIX}user-news-pause:{user_id}"


def found_by(user_id: int) -> str:
    """List of users that this user has found by exact name (services/reading/directory.py), newest first."""
    return f"{PREFIX}found:{user_id}"


def tick(task: str) -> str:
    """String, set when a tick of beat runs; expires by itself after half of the task's period."""
    return f"{PREFIX}tick:{task}"
