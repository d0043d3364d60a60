"""A send that was under way while Redis lost its history is stored once."""

from __future__ import annotations

import pytest

from app.clock import now_ms
from app.core.commands import SendMessage
from app.core.ids import make_uuid7
from app.message_log.conversations import hydrate
from app.message_log.epoch import Epoch
from app.message_log.shards import Shard
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import EPOCH, MemoryGateway, Replies, memory_gateway

ANN, BEN, PAIR = 1, 2, 7


def send(gateway: MemoryGateway, replies: Replies, text: str, id_: str) -> None:
    gateway.sender.send(ANN, "session", SendMessage(conversation_id=PAIR, message=text, id=id_), replies.of(text))


@pytest.mark.parametrize("is_hydrated", [True, False])
@in_own_hub
def test_repetition_that_waited_during_the_loss_is_looked_up_again(is_hydrated: bool) -> None:
    """When it was submitted, Redis still had the mark of its id, so it was not looked up in Postgres."""
    with memory_gateway() as gateway:
        gateway.store.add_direct(PAIR, ANN, BEN)
        replies, repeated, new = Replies(), make_uuid7(now_ms()), make_uuid7(now_ms())
        send(gateway, replies, "first", repeated)
        gateway.work_until(lambda: len(replies) == 1)
        send(gateway, replies, "again", repeated)
        send(gateway, replies, "new", new)
        gateway.redis.lose_data()
        gateway.begin_epoch(EPOCH + 1)
        gateway.epoch.adopt(Epoch(EPOCH + 1, now_ms()))
        if is_hydrated:  # another gateway was faster
            hydrate(Shard(gateway.redis), EPOCH + 1, gateway.store.states[PAIR])
        gateway.work_until(lambda: len(replies) == 3)
        found = {text: (ack, error) for text, ack, error in replies.all}
        assert found["again"] == found["first"]
        assert found["new"][0]["seq"] == 2
        assert [row.body for row in gateway.store.rows.values()] == ["first", "new"]
