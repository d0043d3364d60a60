"""Publish and subscribe: plain, or sharded in a Redis cluster.

A cluster passes each plain publication on to all of its nodes, and a sharded one only to the replicas of the channel's
node. All channels of a shard carry its hash tag, so they belong to the node that has its keys. Publishers, subscribers
and those who count subscribers must all be of one kind: no sharded publication reaches a plain subscription.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from redis import Redis

from app.redis_cluster import is_on_cluster


class Pushes(NamedTuple):
    """How a subscription names a message, and the notice that Redis has ended it."""

    message: bytes
    ended: bytes


_PLAIN = Pushes(b"message", b"unsubscribe")
_SHARDED = Pushes(b"smessage", b"sunsubscribe")  # a node ends the subscriptions of a slot that it loses


def pushes_of(client: Redis) -> Pushes:
    return _SHARDED if is_on_cluster(client) else _PLAIN


def publish(client: Redis, channel: str, payload: bytes) -> None:
    """Publishes through a client or a pipeline."""
    if is_on_cluster(client):
        client.spublish(channel, payload)
    else:
        client.publish(channel, payload)


def subscribe(client: Redis, *channels: str) -> Any:
    """Returns a subscription (redis-py's PubSub) whose confirmations have not been read yet. In a cluster, all channels
    must be of one shard. Raises RedisError.
    """
    pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    try:
        if is_on_cluster(client):
            pubsub.ssubscribe(*channels)
        else:
            pubsub.subscribe(*channels)
    except BaseException:
        pubsub.close()
        raise
    return pubsub


def count_subscribers(client: Redis, channel: str) -> Any:
    """Sends ``PUBSUB NUMSUB`` through a client or a pipeline, whose answer is a pair for the channel."""
    if is_on_cluster(client):
        return client.pubsub_shardnumsub(channel)
    return client.pubsub_numsub(channel)


def in_lua(client: Redis, text: str) -> str:
    """Returns the text of a script, which names the plain commands, with the commands of this client's server.

    They become constants of the script, so a call neither carries nor looks up which kind it is.
    """
    if not is_on_cluster(client):
        return text
    return text.replace("'PUBLISH'", "'SPUBLISH'").replace("'NUMSUB'", "'SHARDNUMSUB'")
