// The messages of one conversation as far as they are known here.
//
// Invariants: a seq inside a span is known (its message is in `#bySeq`, unless it is not to be seen by us); a message
// is there once, under its seq; what has no seq yet waits in `pending`, in the order in which it was sent. What is in
// `#stale` was known once: it is shown until it is asked for again, and is in no span.

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
  #stale = new Set();
  #forgotten = 0;
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

  pinned() {
    return [...this.#bySeq.values()].filter((m) => m.pinnedAt && !m.deletedAt);
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

  /** Whatever was missed cannot be told: what is known is to be asked for again. */
  forget() {
    this.#stale = new Set(this.#bySeq.keys());
    this.#spans.clear();
    this.#loading.clear();
    this.#forgotten += 1;
  }

  loadNewest() {
    return this.#once("newest", async () => {
      const { messages, hasMore } = await this.#ask({});
      const last = messages.at(-1)?.seq ?? 0;
      this.lastSeq = Math.max(last, this.#spans.last()); // less than it was where the server lost its end
      this.#remove([...this.#stale].filter((seq) => seq > last));
      this.#keepPage(messages, hasMore ? messages[0].seq : 1, last);
    });
  }

  loadBefore(seq) {
    return this.#once(`before ${seq}`, async () => {
      const { messages, hasMore } = await this.#ask({ before: seq });
      this.#keepPage(messages, hasMore && messages.length ? messages[0].seq : 1, seq - 1);
    });
  }

  loadAfter(seq) {
    return this.#once(`after ${seq}`, async () => {
      const target = this.lastSeq;
      const { messages, hasMore } = await this.#ask({ after: seq });
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

  /** A page of the history; asked for again where what it says was to be forgotten before it came. */
  async #ask(query) {
    const before = this.#forgotten;
    const page = await this.#client.history(this.id, { ...query, limit: PAGE });
    return before === this.#forgotten ? page : this.#ask(query);
  }

  #keepPage(messages, first, last) {
    messages.forEach((message) => this.#keep(message));
    this.#remove([...this.#stale].filter((seq) => first <= seq && seq <= last));
    this.#spans.add(first, last);
    this.#changed();
  }

  #remove(seqs) {
    for (const seq of seqs) {
      const { id } = this.#bySeq.get(seq) ?? {};
      if (this.#seqOf.get(id) === seq) this.#seqOf.delete(id);
      this.#bySeq.delete(seq);
      this.#stale.delete(seq);
    }
  }

  #keep(message) {
    const before = this.#seqOf.get(message.id);
    if (before && before !== message.seq) this.#remove([before]); // lost by the server, and sent once more
    const old = this.#bySeq.get(message.seq);
    this.#stale.delete(message.seq);
    this.pending = this.pending.filter((m) => m.id !== message.id);
    const next = old ? { ...message, reactions: message.reactions ?? old.reactions } : message;
    // What is the same stays the same object: its row is not drawn anew, and keeps the focus.
    if (!old || JSON.stringify(old) !== JSON.stringify(next)) this.#bySeq.set(message.seq, next);
    this.#seqOf.set(message.id, message.seq);
    this.lastSeq = Math.max(this.lastSeq, message.seq);
  }

  /** The same page is asked for once at a time. */
  #once(what, load) {
    const known = this.#loading.get(what);
    if (known) return known;
    const loading = load().finally(() => this.#loading.get(what) === loading && this.#loading.delete(what));
    this.#loading.set(what, loading);
    return loading;
  }
}
