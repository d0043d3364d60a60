"""The commands of a talker as REST requests, for those that read over server-sent events or long-poll."""

from __future__ import annotations

from typing import Any

import httpx

Request = dict[str, Any]


def request_of(event: str, data: dict[str, Any]) -> Request:
    """Returns the arguments of ``httpx.AsyncClient.request``, with a path below /api/v1."""
    made: Request = _REQUESTS[event](data)
    return made


def answer_name(event: str, response: httpx.Response) -> str:
    """Returns the name of the frame that would answer the command on a WebSocket, or ``accepted`` after 202."""
    if response.status_code >= 400:
        return "error"
    if event == "fetch_unread_messages":
        return "unread_messages"
    return "accepted" if response.status_code == 202 else "ack"


def _send(data: dict[str, Any]) -> Request:
    return {"method": "POST", "url": "/messages", "json": data}


def _read(data: dict[str, Any]) -> Request:
    return {"method": "POST", "url": f"/conversations/{data['conversationId']}/read", "json": {"seq": data["seq"]}}


def _react(data: dict[str, Any]) -> Request:
    params = {"emoji": data["emoji"], "conversationId": data["conversationId"]}
    return {"method": "PUT" if data["on"] else "DELETE", "url": f"/messages/{data['id']}/reactions", "params": params}


def _edit(data: dict[str, Any]) -> Request:
    params, body = {"conversationId": data["conversationId"]}, {"message": data["message"]}
    return {"method": "PATCH", "url": f"/messages/{data['id']}", "params": params, "json": body}


def _fetch(data: dict[str, Any]) -> Request:
    return {"method": "GET", "url": "/messages/unread", "params": data}


def _start(data: dict[str, Any]) -> Request:
    return {"method": "POST", "url": "/streams", "json": data}


def _append(data: dict[str, Any]) -> Request:
    body = {"from": data["from"], "text": data["text"]}
    return {"method": "POST", "url": f"/streams/{data['id']}/append", "json": body}


def _end(data: dict[str, Any]) -> Request:
    return {"method": "POST", "url": f"/streams/{data['id']}/end", "json": {"message": data["message"]}}


_REQUESTS: dict[str, Any] = {
    "send_message": _send,
    "message_read": _read,
    "react": _react,
    "edit_message": _edit,
    "fetch_unread_messages": _fetch,
    "start_stream": _start,
    "append_stream": _append,
    "end_stream": _end,
}
