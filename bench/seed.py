"""Creates users, tokens and conversations in bulk, outside of the measurement."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

import jwt
from sqlalchemy import text

from bench.loop import BenchError

ROOT = Path(__file__).resolve().parent.parent


def plain_tokens(user_ids: list[int], secret: str) -> list[str]:
    """Returns tokens of the peer: HS256, ``sub`` = user id."""
    expires = int(time.time()) + 7200
    return [jwt.encode({"sub": str(user), "exp": expires}, secret, "HS256") for user in user_ids]


def open_conversations(
    address: tuple[str, int], tokens: list[str], user_ids: list[int], pairs: list[tuple[int, int]]
) -> list[int]:
    """Opens Parley's direct conversation of each pair of user numbers by REST. Returns the ids."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    conversations = []
    for opener, other in pairs:
        headers = {"Authorization": f"Bearer {tokens[opener]}", "Content-Type": "application/json"}
        body = json.dumps({"kind": "direct", "userId": user_ids[other]})
        connection.request("POST", "/api/v1/conversations", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise BenchError(f"POST /conversations: {answer.status} {text[:300]!r}")
        conversations.append(_conversation_id(json.loads(text)))
    connection.close()
    return conversations


def open_group(address: tuple[str, int], tokens: list[str], user_ids: list[int], members: range) -> int:
    """Creates a group of these user numbers in Parley, as the first of them. Returns its id."""
    body = {"kind": "group", "name": "Bench", "memberIds": [user_ids[number] for number in members[1:]]}
    connection = http.client.HTTPConnection(*address, timeout=60)
    headers = {"Authorization": f"Bearer {tokens[members[0]]}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/conversations", json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 201:
        raise BenchError(f"POST /conversations: {answer.status} {text[:300]!r}")
    return _conversation_id(json.loads(text))


def peer_group(database_url: str, user_ids: list[int]) -> int:
    """Creates a group of the peer by SQL. Returns its id."""
    import psycopg

    with psycopg.connect(database_url) as connection:
        query = "SELECT coalesce(max(group_id), 0) + 1 FROM group_members"
        (group,) = connection.execute(query).fetchone() or (1,)
        rows = "INSERT INTO group_members (group_id, user_id) SELECT %s, unnest(%s::bigint[])"
        connection.execute(rows, (group, user_ids))
    return int(group)


def _conversation_id(answer: dict[str, object]) -> int:
    inner = answer.get("conversation", answer)
    assert isinstance(inner, dict)
    return int(inner["id"])


def parley_users(count: int, env: dict[str, str]) -> tuple[list[int], list[str]]:
    """Creates ``count`` users of Parley, each with a session and an access token. Returns (ids, tokens).

    Parley's own code creates them, in a separate process with the server's settings.
    """
    run = [sys.executable, "-m", "bench.seed", str(count)]
    done = subprocess.run(run, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise BenchError(f"seeding Parley failed:\n{done.stderr}")
    made = json.loads(done.stdout)
    return made["ids"], made["tokens"]


_USERS_AND_SESSIONS = text("""
    WITH made AS (
        INSERT INTO users (username, display_name)
        SELECT 'bench-' || number, 'Bench ' || number FROM generate_series(1, :count) AS number RETURNING id
    )
    INSERT INTO auth_sessions (id, user_id, expires_at)
    SELECT gen_random_uuid(), id, now() + interval '1 day' FROM made RETURNING user_id, CAST(id AS text)
""")


def make_users(count: int) -> dict[str, list[int] | list[str]]:
    """Creates the rows in one statement, because a registration hashes a password, and the tokens by the app's code."""
    from flask import Flask

    from app.api import jwt_manager
    from app.config import Settings
    from app.store.engine import create_engine, writing

    settings = Settings.from_env()
    with writing(create_engine(settings, timeout_seconds=120)) as connection:
        sessions = sorted(tuple(row) for row in connection.execute(_USERS_AND_SESSIONS, {"count": count}))
    maker = Flask("bench")
    jwt_manager.install(maker, settings)
    with maker.app_context():
        tokens = [jwt_manager.make_access_token(user, sid) for user, sid in sessions]
    return {"ids": [user for user, _ in sessions], "tokens": tokens}


if __name__ == "__main__":
    print(json.dumps(make_users(int(sys.argv[1]))))
