// The messages of one conversation as far as they are known here.
//
// Invariants: a seq inside a span is known (its message is in `#bySeq`, unless it is not to be seen by us); a message
// is there once, under its seq; what has no seq yet waits in `pending`, in the order in which it was sent.

import { Spans } from "./spans.js";

const PAGE = 50;

export class Timeline {
  /** Sent from here, and without a seq yet. */
  pending = [];
  lastSeq = 0;
  #client;
  #changed;
  #bySeq = new Map();
  #seqOf = new Map();
  #spans = new Spans();
  #loading = new Map();

  /** @param {any} client @param {number} id @param {() => void} changed */
  constructor(client, id, changed) {
    this.#client = client;
    this.id = id;
    this.#changed = changed;
  }

  /** The messages from `first` to `last` that are known, in order. */
  slice(first, last) {
    const found = [];
    for (let seq = first; seq <= last; seq += 1) if (this.#bySeq.has(seq)) found.push(this.#bySeq.get(seq));
    return found;
  }

  find(messageId) {
    return this.#bySeq.get(this.#seqOf.get(messageId)) ?? this.pending.find((m) => m.id === messageId);
  }

  /** Those that carry this medium. */
  naming(mediaId) {
    return [...this.#bySeq.values(), ...this.pending].filter((m) => m.attachments?.some((a) => a.mediaId === mediaId));
  }

  at(seq) {
    return this.#bySeq.get(seq);
  }

  knows(first, last) {
    return first > last || this.#spans.has(first, last);
  }

  /** The first seq that is known without a gap up to `seq`; 1 where all before it is known. */
  knownFrom(seq) {
    return this.#spans.around(seq)?.[0] ?? seq + 1;
  }

  knownTo(seq) {
    return this.#spans.around(seq)?.[1] ?? seq - 1;
  }

  /** A message that came live. */
  receive(message) {
    this.#keep(message);
    this.#spans.add(message.seq, message.seq);
    this.#changed();
  }

  /** What changed of a message that we have; what we do not have is passed over. */
  update(messageId, change) {
    const old = this.find(messageId);
    if (!old) return;
    const next = typeof change === "function" ? change(old) : { ...old, ...change };
    if (old.seq) this.#bySeq.set(old.seq, next);
    else this.pending = this.pending.map((m) => (m === old ? next : m));
    this.#changed();
  }

  /** Deleted for oneself: as if it had never been. */
  drop(messageId) {
    this.#bySeq.delete(this.#seqOf.get(messageId));
    this.pending = this.pending.filter((m) => m.id !== messageId);
    this.#changed();
  }

  /** A message of ours, on its way. */
  addPending(message) {
    if (this.find(message.id)) return;
    this.pending = [...this.pending, message];
    this.#changed();
  }

  /** Whatever was missed cannot be told: what is known is asked for again. */
  forget() {
    this.#bySeq.clear();
    this.#seqOf.clear();
    this.#spans.clear();
    this.#changed();
  }

  loadNewest() {
    return this.#once("newest", async () => {
      const { messages, hasMore } = await this.#client.history(this.id, { limit: PAGE });
      const last = messages.at(-1)?.seq ?? 0;
      this.lastSeq = Math.max(this.lastSeq, last);
      this.#keepPage(messages, hasMore ? messages[0].seq : 1, last);
    });
  }

  loadBefore(seq) {
    return this.#once(`before ${seq}`, async () => {
      const { messages, hasMore } = await this.#client.history(this.id, { before: seq, limit: PAGE });
      this.#keepPage(messages, hasMore && messages.length ? messages[0].seq : 1, seq - 1);
    });
  }

  loadAfter(seq) {
    return this.#once(`after ${seq}`, async () => {
      const target = this.lastSeq;
      const { messages, hasMore } = await this.#client.history(this.id, { after: seq, limit: PAGE });
      const last = messages.at(-1)?.seq ?? seq;
      this.#keepPage(messages, seq + 1, hasMore ? last : Math.max(last, target));
    });
  }

  /** Everything between the two, however many pages it takes. */
  async loadRange(first, last) {
    while (!this.knows(first, last)) {
      const known = this.knownTo(first);
      await this.loadAfter(known >= first ? known : first - 1);
    }
  }

  #keepPage(messages, first, last) {
    messages.forEach((message) => this.#keep(message));
    this.#spans.add(first, last);
    this.#changed();
  }

  #keep(message) {
    const old = this.#bySeq.get(message.seq);
    this.pending = this.pending.filter((m) => m.id !== message.id);
    this.#bySeq.set(message.seq, old ? { ...message, reactions: message.reactions ?? old.reactions } : message);
    this.#seqOf.set(message.id, message.seq);
    this.lastSeq = Math.max(this.lastSeq, message.seq);
  }

  /** The same page is asked for once at a time. */
  #once(what, load) {
    if (!this.#loading.has(what)) this.#loading.set(what, load().finally(() => this.#loading.delete(what)));
    return this.#loading.get(what);
  }
}
