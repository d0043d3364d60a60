// The second peer: the same one-to-one and group chat as peers/flask_socketio, on Node, as the documentation of Socket.IO and of node-postgres
// teaches it. Several processes would share the messages by @socket.io/redis-adapter. Each message is one INSERT on a pooled connection,
// committed before the message is emitted and before the sender's acknowledgement. Nothing here is slow on purpose: the statements are
// prepared, clients use WebSocket from the start, and permessage-deflate is off, as everywhere in this benchmark.
//
// Environment: DATABASE_URL, REDIS_URL, SECRET_KEY (verifies the HS256 tokens, claim `sub` = user id), PORT.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import jwt from "jsonwebtoken";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";

const COLUMNS = "uuid, sender_id, receiver_id, body, sent_at";
const INSERT = { name: "insert", text: `INSERT INTO messages (${COLUMNS}, delivered) VALUES ($1, $2, $3, $4, $5, $6)` };
const UNREAD = { name: "unread", text: `SELECT ${COLUMNS} FROM messages WHERE receiver_id = $1 AND NOT delivered ORDER BY id` };
const GROUP_INSERT = { name: "group", text: "INSERT INTO group_messages (uuid, group_id, sender_id, body, sent_at) VALUES ($1, $2, $3, $4, $5)" };
const MEMBER = { name: "member", text: "SELECT FROM group_members WHERE group_id = $1 AND user_id = $2" };
const DELIVERED = { name: "delivered", text: "UPDATE messages SET delivered = true WHERE receiver_id = $1 AND NOT delivered" };

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer((request, response) => response.writeHead(request.url === "/healthz" ? 200 : 404).end());
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false, adapter: createAdapter(publisher, subscriber) });
const online = new Map(); // user id -> open connections

function shown({ uuid, sender_id, receiver_id, body, sent_at }) {
  return { id: uuid, senderId: Number(sender_id), receiverId: Number(receiver_id), message: body, sentAt: sent_at.toISOString() };
}

io.use((socket, next) => {
  try {
    socket.data.user = Number(jwt.verify(socket.handshake.auth.token, process.env.SECRET_KEY, { algorithms: ["HS256"] }).sub);
    next();
  } catch {
    next(new Error("unauthorized"));
  }
});

io.on("connection", async (socket) => {
  const { user } = socket.data;
  online.set(user, (online.get(user) ?? 0) + 1);
  socket.on("disconnect", () => online.set(user, online.get(user) - 1));
  socket.on("send_message", (data, ack) => send(user, data, ack));
  socket.on("join_group", (data, ack) => joinGroup(socket, data, ack));
  socket.on("send_group_message", (data, ack) => sendToGroup(socket, data, ack));
  socket.join(`user:${user}`);
  const { rows } = await pool.query({ ...UNREAD, values: [user] });
  if (rows.length) {
    await pool.query({ ...DELIVERED, values: [user] });
    socket.emit("unread_messages", { messages: rows.map(shown) });
  }
});

async function send(sender, { id, receiverId, message }, ack) {
  const row = { uuid: id, sender_id: sender, receiver_id: receiverId, body: message, sent_at: new Date() };
  await pool.query({ ...INSERT, values: [id, sender, receiverId, message, row.sent_at, (online.get(receiverId) ?? 0) > 0] });
  io.to(`user:${receiverId}`).emit("receive_message", shown(row));
  ack({ id, status: "stored" });
}

// Non-members get `not_found`, whether the group exists or not.
async function joinGroup(socket, { groupId }, ack) {
  const { rowCount } = await pool.query({ ...MEMBER, values: [groupId, socket.data.user] });
  if (rowCount) socket.join(`group:${groupId}`);
  ack({ id: "", status: rowCount ? "joined" : "not_found" });
}

async function sendToGroup(socket, { id, groupId, message }, ack) {
  const room = `group:${groupId}`;
  if (!socket.rooms.has(room)) return ack({ id, status: "not_found" });
  const sentAt = new Date();
  await pool.query({ ...GROUP_INSERT, values: [id, groupId, socket.data.user, message, sentAt] });
  socket.to(room).emit("receive_message", { id, groupId, senderId: socket.data.user, message, sentAt: sentAt.toISOString() });
  return ack({ id, status: "stored" });
}

http.listen(Number(process.env.PORT), "127.0.0.1", 4096);
