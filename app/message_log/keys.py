"""The names of the Redis keys and channels that exist once, with their types and lifetimes.

The keys of a shard are in shard_keys.py. The keys here carry the first shard's hash tag, ``{parley}``, so that its
scripts can use them.
"""

from __future__ import annotations

from app.message_log.shard_keys import ShardKeys

FIRST = ShardKeys()
PREFIX = FIRST.prefix

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
ALL = PREFIX + "all"  # channel of all gateways
WATCHING = PREFIX + "watching"  # channel of all gateways that register in WATCHED, to count them

# The names of gateways that keep rosters begin with this. Those of an older release do not.
ROSTER_MARK = "r-"

# Idle conversations leave Redis after this time, and are loaded from Postgres again for their next message.
CONVERSATION_SECONDS = 24 * 3600
REFUSED_SECONDS = 600
# The notes of a large conversation's members live longer than the conversation, which is loaded again after a week.
LARGE_GROUPS_SECONDS = 30 * 24 * 3600
LOADING_SECONDS = 600
# Longer than the timeout for Postgres.
EPOCH_BEGINS_MS = 10_000


def gateway_watches(gateway: str) -> str:
    """set of users that sessions of this gateway watch; expires a day after the last one was added"""
    return f"{PREFIX}gw:{gateway}"


def devices(user_id: int) -> str:
    """hash "<gateway> <device id>" -> sessions of this device there; expires by itself. Dead gateways leave fields
    behind: a field counts only if ONLINE names its gateway"""
    return f"{PREFIX}dev:{user_id}"


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
