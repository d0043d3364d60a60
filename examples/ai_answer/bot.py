"""The assistant. It connects as a user, as the clients of people do, so it needs no address that Parley can reach."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable

import httpx
from parley_sdk import AsyncParleyServer, Stopped
from parley_sdk.client import ParleyClient
from parley_sdk.models import Json

from examples.ai_answer import ASSISTANT

MODEL_URL = os.environ.get("MODEL_URL") or f"{os.environ['APP_URL']}/v1"  # without a model of yours, the stand-in
MODEL = os.environ.get("MODEL") or "stand-in"
MODEL_KEY = os.environ.get("MODEL_KEY")
HEADERS = {"Authorization": f"Bearer {MODEL_KEY}"} if MODEL_KEY else {}
REMEMBERED = 20  # messages of a conversation that the model gets

Talk = deque[Json]  # the messages of one conversation, in the form of the model


async def main() -> None:
    url = os.environ["FLASK_PARLEY_URL"]
    talks: defaultdict[int, Talk] = defaultdict(lambda: deque(maxlen=REMEMBERED))
    async with AsyncParleyServer(url, os.environ["FLASK_PARLEY_KEY"]) as server:
        me = (await server.users.put(ASSISTANT, display_name="Assistant"))["id"]

        async def token() -> str:
            return (await server.users.issue_tokens(ASSISTANT))["accessToken"]

        async with asyncio.TaskGroup() as answers, ParleyClient(url, token) as client:

            def take(message: Json) -> None:
                if message["senderId"] not in (None, me):
                    answers.create_task(answer(client, talks[message["conversationId"]], message))

            waiting = (await client.fetch_unread())["messages"]  # written while the assistant was away
            for message in waiting:
                take(message)
            known = {message["id"] for message in waiting}
            async for event in client:
                if event.name == "receive_message" and event.data["id"] not in known:
                    take(event.data)


async def answer(client: ParleyClient, talk: Talk, question: Json) -> None:
    """Streams the model's answer into the conversation, until it is complete or the visitor stops it."""
    await client.mark_read(question["conversationId"], question["seq"])
    talk.append({"role": "user", "content": question["message"]})
    said = ""
    async with client.stream(question["conversationId"], metadata={"model": MODEL}) as stream:
        try:
            async for words in words_of_model(talk):
                await stream.write(words)
                said += words
        except Stopped:
            pass  # the visitor has read enough
        except httpx.HTTPError as error:
            await stream.write(f"The model does not answer: {error or type(error).__name__}")
    talk.append({"role": "assistant", "content": said})


async def words_of_model(talk: Iterable[Json]) -> AsyncIterator[str]:
    """Yields the answer in pieces. OpenAI's streams have this form, and so have those of vLLM, llama.cpp and Ollama."""
    body = {"model": MODEL, "messages": list(talk), "stream": True}
    async with (
        httpx.AsyncClient(timeout=60, headers=HEADERS) as http,
        http.stream("POST", f"{MODEL_URL}/chat/completions", json=body) as response,
    ):
        response.raise_for_status()
        async for line in response.aiter_lines():
            _, data, piece = line.partition("data: ")
            if data and piece != "[DONE]":
                for choice in json.loads(piece)["choices"]:
                    yield choice["delta"].get("content") or ""


if __name__ == "__main__":
    asyncio.run(main())
