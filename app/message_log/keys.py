"""Every Redis key and channel, its type and lifetime, in one place.

All carry the hash tag ``{parley}``: the scripts derive names of members and conversations as they go, so everything
that one script touches must live in one slot (docs/scaling.md tells how that is cut up on a cluster).
"""

from __future__ import annotations

PREFIX = "{parley}:"

EPOCH = PREFIX + "epoch"  # string "<epoch>:<started ms>"; absent means: Redis lost its data
EPOCH_BEGINS = PREFIX + "epoch-begins"  # string, held by the process that begins a new epoch; expires by itself
VERSION = PREFIX + "version"  # string, the last version given out
LOG = PREFIX + "log"  # stream; each entry holds the records of one append; only what is not stored yet
LOG_STATE = PREFIX + "log-state"  # hash: records and bytes it holds, entries ever added, the last one gone, and
# ``stored``: all up to this version is in Postgres, or was set aside
LEASE = PREFIX + "drain-lease"  # string, the drain that is running; expires by itself
ATTEMPTS = PREFIX + "drain-attempts"  # string "<entry id>:<times>", the head of the log and how often it was begun
MEMBERSHIPS = PREFIX + "memberships"  # list of who came and went, as long as that is not in Postgres; oldest first
ONLINE = PREFIX + "online"  # hash user id -> gateways that hold a session of theirs, separated by blanks
PLACES = PREFIX + "places"  # string, how often ONLINE has changed
GATEWAYS = PREFIX + "gateways"  # zset gateway -> time of its last heartbeat, ms
SEEN = PREFIX + "seen"  # hash user id -> when last online, ms; moved to Postgres by a task
REVOKED = PREFIX + "revoked"  # zset auth session -> when its last access token ends, s
PROCESSES = PREFIX + "processes"  # zset process that publishes figures -> when these expire, s
WORKERS = PREFIX + "workers"  # zset worker -> its last sign of life, s
PUSH_LEASE = PREFIX + "push-lease"  # string, the runner of push notifications; expires by itself
PUSH_WAKE = PREFIX + "push-wake"  # list of at most one item: something is owed since the runner looked last
PUSH_OUTBOX = PREFIX + "push-outbox"  # list, in development: what the local twin was given, newest first
ALL = PREFIX + "all"  # channel that every gateway listens to

# Idle conversations leave Redis after this and are read from Postgres again at their next message.
CONVERSATION_SECONDS = 24 * 3600
REFUSED_SECONDS = 600
# Longer than Postgres is waited for.
EPOCH_BEGINS_MS = 10_000


def conversation(conversation_id: int) -> str:
    """hash {k kind, m members, o owners, a admins, f {member: the seq after which they see it}, i {name, description,
    avatarUrl, history}, b who of a direct one has blocked the other (or whose other is deleted), s last seq, lv last
    version, x when its expiry was moved (s), d:<user>, r:<user> marks}"""
    return f"{PREFIX}c:{conversation_id}"


def routes(conversation_id: int) -> str:
    """string, of a large conversation: where its members were online when PLACES was what it says; expires by itself"""
    return f"{PREFIX}rt:{conversation_id}"


def tail(conversation_id: int) -> str:
    """list of the conversation's records that are in the log but not in Postgres yet, oldest first"""
    return f"{PREFIX}t:{conversation_id}"


def dedupe_mark(conversation_id: int, message_id: str) -> str:
    """string "<seq>:<version>:<sent ms>:<sender>": this id was sent; expires after Settings.dedupe_seconds"""
    return f"{PREFIX}x:{conversation_id}:{message_id}"


def gone(conversation_id: int, seq: int) -> str:
    """string: this message was deleted for everyone; expires with dedupe marks, when Postgres has long known"""
    return f"{PREFIX}y:{conversation_id}:{seq}"


def changed(conversation_id: int, seq: int) -> str:
    """string: the version of this message's last edit or pin; expires with dedupe marks"""
    return f"{PREFIX}e:{conversation_id}:{seq}"


def refused(version: int) -> str:
    """string: why the record of this version was not stored, for a sender whose notice was lost; expires by itself"""
    return f"{PREFIX}refused:{version}"


def gateway_users(gateway: str) -> str:
    """set of users with a session at this gateway"""
    return f"{PREFIX}g:{gateway}"


def devices(user_id: int) -> str:
    """hash "<gateway> <device id>" -> sessions of this device there; expires by itself. A gateway that died leaves its
    fields: they count where ONLINE names the gateway"""
    return f"{PREFIX}dev:{user_id}"


def gateway_channel(gateway: str) -> str:
    return f"{PREFIX}to:{gateway}"


def process_metrics(name: str) -> str:
    """string, one process's figures; expires by itself"""
    return f"{PREFIX}metrics:{name}"


def ticket(digest: str) -> str:
    """string: what the ticket with this SHA-256 stands for (msgpack); expires by itself"""
    return f"{PREFIX}ticket:{digest}"


def rate(what: str, who: str) -> str:
    """string: when this limit is full again, µs; expires then"""
    return f"{PREFIX}rate:{what}:{who}"
