"""Requests about one's own account: sign-ins, e-mail, a second factor, notifications and data."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pyotp
from sqlalchemy import create_engine, text

from tests.contract.expect import eventually
from tests.integration.documented.calls import OUTBOX, Call
from tests.support.clients import Account, register
from tests.support.processes import Stack


def change_sign_ins(call: Call, token: str) -> None:
    listed = call("GET", "/auth/sessions", token=token).json()["sessions"]
    other = next(row["id"] for row in listed if not row["current"])
    call("DELETE", f"/auth/sessions/{other}", token=token)
    call("POST", "/auth/sessions/end-others", token=token)
    passwords = {"current": "correct horse battery", "new": "another horse battery"}
    call("POST", "/auth/password", json=passwords, token=token)


def second_factor(call: Call, token: str, account: dict[str, str]) -> None:
    proof = {"password": account["password"]}
    secret = call("POST", "/auth/second-factor", json=proof, token=token).json()["secret"]
    confirmed = call("POST", "/auth/second-factor/confirm", json={"code": pyotp.TOTP(secret).now()}, token=token).json()
    first, second, *_ = confirmed["recoveryCodes"]
    challenge = call("POST", "/auth/login", json=account, token=None).json()["challenge"]
    call("POST", "/auth/login/second-factor", json={"challenge": challenge, "code": first}, token=None)
    renewed = call("POST", "/auth/second-factor/recovery-codes", json={**proof, "code": second}, token=token).json()
    call("DELETE", "/auth/second-factor", json={**proof, "code": renewed["recoveryCodes"][0]}, token=token)


def change_email(call: Call, token: str, username: str) -> str:
    """Returns a new token, because a reset ends all sign-ins."""
    wanted = {"email": f"{username}@x.example", "password": "another horse battery"}
    call("PUT", "/me/email", json=wanted, token=token)
    call("POST", "/auth/email/verify", json={"token": _mailed("verify-email")}, token=None)
    call("POST", "/auth/password/forgot", json={"username": username}, token=None)
    reset = {"token": _mailed("reset-password"), "password": wanted["password"]}
    call("POST", "/auth/password/reset", json=reset, token=None)
    again = call("POST", "/auth/login", json={"username": username, "password": wanted["password"]}, token=None).json()
    call("DELETE", "/me/email", json={"password": wanted["password"]}, token=again["accessToken"])
    return str(again["accessToken"])


def _mailed(what: str) -> str:
    """Returns the token of the first link of this kind that was mailed."""

    def found() -> list[str]:
        texts = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in OUTBOX.glob("*.eml")]
        return [one for text in texts for one in re.findall(rf"#{what}=(\S+)", text.get_content())]

    return str(eventually(found, f"a mail with {what}")[0])


def notifications(call: Call) -> None:
    call("GET", "/push/vapid-key")
    keys = {"p256dh": "BA" + "A" * 85, "auth": "A" * 22}
    endpoint = "https://fcm.googleapis.com/fcm/send/x"
    one = call("POST", "/push/subscriptions", json={"endpoint": endpoint, "keys": keys}).json()["id"]
    call("DELETE", "/push/subscriptions", json={"endpoint": endpoint})
    call("DELETE", f"/push/subscriptions/{one}")
    one = call("POST", "/push/devices", json={"token": "a-token-of-fcm", "platform": "ios"}).json()["id"]
    call("DELETE", "/push/devices", json={"token": "a-token-of-fcm"})
    call("DELETE", f"/push/devices/{one}")
    hours = {"from": "22:00", "to": "07:00", "timeZone": "Europe/Vienna"}
    call("PATCH", "/push/settings", json={"doNotDisturb": hours})
    call("GET", "/push/settings")
    call("GET", "/push/outbox")


def own_data(call: Call, ben: Account, message_id: str, server: Stack) -> None:
    """Search, blocks, reports and one's own data."""
    call("GET", "/search", params={"q": "hello"})
    call("PUT", f"/blocks/{ben.user_id}")
    call("GET", "/blocks")
    call("DELETE", f"/blocks/{ben.user_id}")
    report = call("POST", f"/messages/{message_id}/report", json={"reason": "spam"}, token=ben.access_token).json()
    engine = create_engine(server.env["DATABASE_URL"])
    with engine.begin() as conn:
        conn.execute(text("UPDATE users SET is_admin = true WHERE id = :id"), {"id": ben.user_id})
    engine.dispose()
    call("GET", "/admin/audit", params={"limit": 1}, token=ben.access_token)
    call("GET", "/admin/reports", token=ben.access_token)
    call("PATCH", f"/admin/reports/{report['id']}", json={"state": "reviewing"}, token=ben.access_token)
    export = call("POST", "/me/export").json()["exportId"]
    call("GET", f"/me/exports/{export}")
    gone = register(server.base_url)
    suspension = f"/admin/users/{gone.user_id}/suspension"
    call("PUT", suspension, json={"reason": "spam", "until": "2999-01-01"}, token=ben.access_token)
    call("GET", "/me", token=gone.access_token)
    call("DELETE", suspension, token=ben.access_token)
    call("DELETE", "/me", json={"password": gone.password}, token=gone.access_token)
