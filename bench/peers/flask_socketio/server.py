"""The peer: one-to-one and group chat as the documentation of Flask-SocketIO and SQLAlchemy teaches it.

It has a Redis message queue between processes, one room per user and per group, and one ORM insert with its own commit per
message. The commit comes *before* the message is emitted and before the sender's acknowledgement, so an acked message is
stored. Users fetch their unread messages when they connect. Nothing here is slow on purpose: the pool is large enough,
`expire_on_commit` is off (no second SELECT), and Postgres runs with the same settings as Parley's.

Environment: DATABASE_URL (SQLAlchemy), REDIS_URL, SECRET_KEY (signs the HS256 tokens, claim ``sub`` = user id).
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from datetime import UTC, datetime

import jwt
from flask import Flask, request
from flask_socketio import ConnectionRefusedError, SocketIO, emit, join_room, rooms
from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, String, Text, create_engine, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)


class Message(Base):
    __tablename__ = "messages"
    __table_args__ = (Index("messages_unread", "receiver_id", "delivered"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    uuid: Mapped[uuid.UUID] = mapped_column(unique=True)
    sender_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    receiver_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
    delivered: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    def to_json(self) -> dict[str, object]:
        return {
            "id": str(self.uuid),
            "senderId": self.sender_id,
            "receiverId": self.receiver_id,
            "message": self.body,
            "sentAt": self.sent_at.isoformat(timespec="milliseconds"),
        }


class GroupMember(Base):
    __tablename__ = "group_members"

    group_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)


class GroupMessage(Base):
    __tablename__ = "group_messages"
    __table_args__ = (Index("group_messages_of", "group_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    uuid: Mapped[uuid.UUID] = mapped_column(unique=True)
    group_id: Mapped[int] = mapped_column(BigInteger)
    sender_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    def to_json(self) -> dict[str, object]:
        return {
            "id": str(self.uuid),
            "groupId": self.group_id,
            "senderId": self.sender_id,
            "message": self.body,
            "sentAt": self.sent_at.isoformat(timespec="milliseconds"),
        }


engine = create_engine(os.environ["DATABASE_URL"], pool_size=20, max_overflow=0)
Session = sessionmaker(engine, expire_on_commit=False)

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
socketio = SocketIO(app, async_mode="gevent", message_queue=os.environ["REDIS_URL"], logger=False, engineio_logger=False)

user_of: dict[str, int] = {}  # sid -> user id
online: Counter[int] = Counter()  # user id -> open connections


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@socketio.on("connect")
def on_connect(auth: dict[str, str] | None) -> None:
    try:
        claims = jwt.decode((auth or {}).get("token", ""), app.config["SECRET_KEY"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise ConnectionRefusedError("unauthorized") from None
    user_id = int(claims["sub"])
    user_of[request.sid] = user_id
    online[user_id] += 1
    join_room(f"user:{user_id}")
    unread = fetch_unread(user_id)
    if unread:
        emit("unread_messages", {"messages": unread})


def fetch_unread(user_id: int) -> list[dict[str, object]]:
    with Session() as session:
        waiting = (Message.receiver_id == user_id, Message.delivered.is_(False))
        messages = [message.to_json() for message in session.scalars(select(Message).where(*waiting).order_by(Message.id))]
        if messages:
            session.execute(update(Message).where(*waiting).values(delivered=True))
            session.commit()
        return messages


@socketio.on("disconnect")
def on_disconnect(*_reason: object) -> None:
    user_id = user_of.pop(request.sid, None)
    if user_id is not None:
        online[user_id] -= 1


@socketio.on("send_message")
def on_send_message(data: dict[str, object]) -> dict[str, object]:
    receiver_id = int(data["receiverId"])
    message = Message(
        uuid=uuid.UUID(data["id"]),
        sender_id=user_of[request.sid],
        receiver_id=receiver_id,
        body=data["message"],
        delivered=online[receiver_id] > 0,
        sent_at=datetime.now(UTC),
    )
    with Session() as session:
        session.add(message)
        session.commit()
    emit("receive_message", message.to_json(), to=f"user:{receiver_id}")
    return {"id": str(message.uuid), "status": "stored"}


@socketio.on("join_group")
def on_join_group(data: dict[str, object]) -> dict[str, object]:
    """Adds a member to the group's room. Non-members get ``not_found``, whether the group exists or not."""
    group_id = int(data["groupId"])
    with Session() as session:
        if session.get(GroupMember, (group_id, user_of[request.sid])) is None:
            return {"id": "", "status": "not_found"}
    join_room(f"group:{group_id}")
    return {"id": "", "status": "joined"}


@socketio.on("send_group_message")
def on_send_group_message(data: dict[str, object]) -> dict[str, object]:
    group_id = int(data["groupId"])
    room = f"group:{group_id}"
    if room not in rooms():
        return {"id": data["id"], "status": "not_found"}
    message = GroupMessage(
        uuid=uuid.UUID(data["id"]),
        group_id=group_id,
        sender_id=user_of[request.sid],
        body=data["message"],
        sent_at=datetime.now(UTC),
    )
    with Session() as session:
        session.add(message)
        session.commit()
    emit("receive_message", message.to_json(), to=room, include_self=False)
    return {"id": str(message.uuid), "status": "stored"}
