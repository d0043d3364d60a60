/**
 * The client as a TypeScript application uses it. `make check` compiles this file; it never runs. Each `@ts-expect-error`
 * fails if a type becomes looser.
 */
import { Parley, ParleyError } from "../../../client/parley.js";
import type { Attachment, Conversation, EventMap, FoundMessages, Message, Profile, User } from "../../../client/lib/types.js";

/** Compiles only for exactly this type, and never for `any`. */
function is<Expected>() {
  return <Actual,>(_value: Same<Actual, Expected> extends true ? Actual : never): void => undefined;
}
/** The names of methods and fields whose type is `any`. */
type Loose<Class> = { [K in keyof Class]: Class[K] extends (...given: never[]) => infer Answer ? IfAny<Awaited<Answer>, K> : IfAny<Class[K], K> }[keyof Class];
type IfAny<T, Yes> = 0 extends 1 & T ? Yes : never;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** These two take any address and any command. */
is<"request" | "command">()({} as Loose<Parley>);
is<never>()({} as Loose<EventMap>);

export async function signing(parley: Parley): Promise<void> {
  is<User>()(await parley.login({ username: "alice", password: "secret" }));
  is<User>()(await parley.register({ username: "alice", password: "secret" }));
  is<User>()(await parley.loginWithCode({ challenge: new ParleyError("second_factor_required").challenge ?? "", code: "123456" }));
  is<string[]>()(await parley.confirmSecondFactor({ code: "123456" }));
  is<Profile>()(await parley.updateMe({ displayName: "Alice", avatarUrl: null }));
  // @ts-expect-error it is null if nobody is signed in
  parley.me.id;
  // @ts-expect-error no such choice
  await parley.updateMe({ lastSeenVisible: "friends" });
  // @ts-expect-error no such option
  new Parley({ adress: "https://chat.example.com" });
}

export function listening(parley: Parley): void {
  const off = parley.on("receive_message", (message, name) => {
    is<"receive_message">()(name);
    is<number>()(message.seq);
    is<string | undefined>()(message.message);
    is<number | undefined>()(message.attachments?.[0]?.width);
    // @ts-expect-error the text is called `message`
    message.text;
    if (message.system?.type === "role") is<number>()(message.system.userId);
  });
  is<() => void>()(off);
  parley.on("typing", async ({ userId, typing }) => void [is<number>()(userId), is<boolean>()(typing)]);
  parley.on("presence", ({ status, lastSeen }) => void [is<"online" | "offline">()(status), is<string | null>()(lastSeen)]);
  parley.on("state", ({ error }) => is<ParleyError | undefined>()(error));
  parley.on("message_status", ({ status, message }) => {
    is<string>()(message.message);
    // @ts-expect-error no such status
    if (status === "sent") return;
  });
  parley.on("*", (data, name) => {
    if (name === "message_read") is<number | undefined>()(data.moved);
    // @ts-expect-error not every event has it
    data.conversationId;
  });
  for (const name of ["media_ready", "media_failed"] as const) parley.on(name, (medium) => is<string>()(medium.contentType));
  // @ts-expect-error no such event
  parley.on("recieve_message", () => undefined);
  // @ts-expect-error the data of another event
  parley.on("typing", (mark: EventMap["message_read"]) => mark.seq);
}

export async function writing(parley: Parley): Promise<void> {
  const { id, message, saved, done } = parley.send({ conversationId: 1, message: "Hello", attachments: [{ mediaId: "m" }] });
  is<string>()(id);
  is<string>()(message.sentAt);
  is<void>()(await saved);
  const ack = await done;
  is<"stored">()(ack.status);
  is<number>()(ack.seq);
  is<"accepted" | "stored">()((await parley.edit(id, "Hello!")).status);
  is<string | undefined>()((await parley.outbox())[0]?.error?.code);
  parley.send({ receiverId: 2, forward: { id } });
  // @ts-expect-error no receiver
  parley.send({ message: "Hello" });
  // @ts-expect-error two receivers
  parley.send({ conversationId: 1, receiverId: 2, message: "Hello" });
  // @ts-expect-error an attachment is an object with its id
  parley.send({ conversationId: 1, attachments: ["m"] });
  // @ts-expect-error seq is a number
  await parley.markRead(1, "7");
  // @ts-expect-error a conversation id is a number
  parley.typing({ conversationId: "1" });
}

export async function reading(parley: Parley): Promise<void> {
  const { conversations, cursor } = await parley.conversations({ limit: 20 });
  is<Conversation[]>()(conversations);
  is<string | undefined>()(cursor);
  is<Message[]>()((await parley.history(1, { before: 7 })).messages);
  is<string[]>()((await parley.reconcile(1, [{ id: "", seq: 7 }])).gone);
  is<number | undefined>()((await parley.openDirect(2)).members?.[0]?.readSeq);
  is<string>()((await parley.search({ q: "hello" })).messages[0]!.snippet);
  is<User[]>()((await parley.findUsers("al")).users);
  is<string>()((await parley.createInvite(1, { maxUses: 1 })).code);
  is<boolean>()((await parley.receipts("m")).members[0]!.read);
  is<Attachment>()(await parley.upload(new Blob(), 1, { onProgress: (fraction) => is<number>()(fraction) }));
  is<number>()((await parley.mediaUrl("m", "thumbnail")).expiresAt);
  is<Blob>()(await parley.download("/me/exports/1/file"));
  is<"full" | "sender" | "none">()((await parley.pushSettings()).preview);
  is<"unsupported" | "denied" | "off" | "on">()(await parley.enablePush());
  is<void>()(await parley.leave(1));
  // @ts-expect-error no such role
  await parley.setRole(1, 2, "moderator");
  // @ts-expect-error no such field
  (await parley.conversation(1)).title;
  // @ts-expect-error a search needs a word, a sender or a kind of content
  await parley.search({ conversationId: 1 });
  is<FoundMessages>()(await parley.search({ has: "file,link", after: "2026-11-29" }));
}
