"""Talkers that share pictures: each uploads one, names it in a message, and goes on until it has shared enough."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import httpx

from tests.support.media_files import image_bytes

if TYPE_CHECKING:
    from tests.faults.talker import Talker

PICTURES = 3
PAUSE = (1.0, 3.0)


async def share_pictures(talker: Talker, conversation_id: int, rng: random.Random) -> None:
    """Shares PICTURES pictures while the talker talks. An upload without an answer is repeated, because no message
    names it.
    """
    headers = {"Authorization": f"Bearer {talker.account.access_token}"}
    async with httpx.AsyncClient(headers=headers, verify=False, trust_env=False, timeout=10) as http:
        shared = 0
        while talker.talking and shared < PICTURES:
            await asyncio.sleep(rng.uniform(*PAUSE))
            media_id = await _upload(http, rng.choice(talker.urls), conversation_id)
            if media_id is not None:
                shared += 1
                talker.share(media_id, conversation_id)


async def _upload(http: httpx.AsyncClient, url: str, conversation_id: int) -> str | None:
    form = {"conversationId": str(conversation_id)}
    try:
        response = await http.post(
            f"{url}/api/v1/media", files={"file": ("a.jpg", image_bytes(), "image/jpeg")}, data=form
        )
    except httpx.HTTPError:
        return None
    return str(response.json()["mediaId"]) if response.status_code == 202 else None
