"""What `make run` says when the server is ready: where it is, who may sign in, and three commands to try."""

from __future__ import annotations

import os

# Here and not beside the users: this module loads none of the application.
NAMES = ("alice", "bob")
PASSWORD = os.environ.get("PARLEY_DEMO_PASSWORD") or "parley-demo"

_JSON = "-H 'Content-Type: application/json'"


def show(port: int, people: dict[str, int], seconds: float) -> None:
    print("\n" + "\n".join(_lines(f"http://127.0.0.1:{port}", people, seconds)) + "\n", flush=True)


def _lines(address: str, people: dict[str, int], seconds: float) -> list[str]:
    lines = [f"Parley is ready at {address} ({seconds:.1f} s). Ctrl-C stops it."]
    if len(people) < 2:
        return lines
    (first, _), (second, second_id) = list(people.items())[:2]
    return [
        *lines,
        f"Users {first} and {second}, password {PASSWORD}. In two terminals:",
        "",
        f"  {_token(address, second)}",
        f'  curl -sN {address}/api/v1/events -H "Authorization: Bearer $TOKEN"',
        "",
        f"  {_token(address, first)}",
        f'  curl -s {address}/api/v1/messages -H "Authorization: Bearer $TOKEN" {_JSON} '
        f"""-d '{{"receiverId": {second_id}, "message": "Hello"}}'""",
        "",
        f"The API: {address}/docs",
    ]


def _token(address: str, name: str) -> str:
    credentials = f'{{"username": "{name}", "password": "{PASSWORD}"}}'
    pick = """sed 's/.*"accessToken": *"\\([^"]*\\).*/\\1/'"""
    return f"TOKEN=$(curl -s {address}/api/v1/auth/login {_JSON} -d '{credentials}' | {pick})"
