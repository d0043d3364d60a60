// The messages of one conversation that this page has loaded.
//
// Invariants: a seq inside a span is loaded (its message is in `#bySeq`, unless the user may not see it). A message
// appears once, under its seq. Messages without a seq are in `pending`, in the order of sending. Messages in `#stale`
// were loaded before a resync: they are shown until they are loaded again, and are in no span.

import { grown, longer } from "../lib/growing.js";
import { Spans } from "./spans.js";

const PAGE = 50;
const MAX_EARLY = 5_000;

export class Timeline {
  /** Messages sent from here that have no seq yet. */
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
  #early = new Map(); // message id → texts that arrived before the text that they continue; only while something is loading

  /** @param {any} client @param {number} id @param {() => void} changed */
  constructor(client, id, changed) {
    this.#client = client;
    this.id = id;
    this.#changed = changed;
  }

  /** Returns the loaded messages from `first` to `last`, in order. */
  slice(first, last) {
    const found = [];
    for (let seq = first; seq <= last; seq += 1) if (this.#bySeq.has(seq)) found.push(this.#bySeq.get(seq));
    return found;
  }

  /** Returns the gapless loaded messages around `seq`, in order, and those without a seq. */
  around(seq) {
    return [...this.slice(this.knownFrom(seq), this.knownTo(seq)), ...this.pending];
  }

  find(messageId) {
    return this.#bySeq.get(this.#seqOf.get(messageId)) ?? this.pending.find((m) => m.id === messageId);
  }

  /** Returns the messages with this attachment. */
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

  /** Returns the first seq of the gapless range that ends with `seq`; 1 if everything before it is loaded. */
  knownFrom(seq) {
    return this.#spans.around(seq)?.[0] ?? seq + 1;
  }

  knownTo(seq) {
    return this.#spans.around(seq)?.[1] ?? seq - 1;
  }

  /** Adds a live message. */
  receive(message) {
    this.#keep(message);
    this.#spans.add(message.seq, message.seq);
    this.#changed();
  }

  /** Changes a message; does nothing if it is not loaded. */
  update(messageId, change) {
    const old = this.find(messageId);
    if (!old) return;
    const next = typeof change === "function" ? change(old) : { ...old, ...change };
    if (old.seq) this.#bySeq.set(old.seq, next);
    else this.pending = this.pending.map((m) => (m === old ? next : m));
    this.#changed();
  }

  /** Adds text to a message that grows. Loads the message again if something before the text is missing. */
  append(text) {
    const old = this.find(text.id);
    if (old && !old.streaming) return;
    const next = old && grown(old, text);
    if (next) {
      if (next !== old) this.update(text.id, () => next);
      return;
    }
    if (old) this.#once(`again ${old.seq}`, () => this.#again(old.seq)).catch(() => undefined); // the next text tries again
    if (!this.#loading.size) return;
    const early = this.#early.get(text.id) ?? [];
    if (early.length < MAX_EARLY) this.#early.set(text.id, [...early, text]);
  }

  async #again(seq) {
    const { messages } = await this.#fetch({ after: seq - 1, limit: 1 });
    messages.forEach((message) => this.#keep(message));
    this.#changed();
  }

  /** Removes a message, as if it had never existed: the user deleted it only for themselves. */
  drop(messageId) {
    this.#remove([this.#seqOf.get(messageId)]);
    this.pending = this.pending.filter((m) => m.id !== messageId);
    this.#changed();
  }

  /** Removes the messages up to `seq`: the user cleared them. */
  clear(seq) {
    this.#remove([...this.#bySeq.keys()].filter((one) => one <= seq));
    for (const [one, message] of this.#bySeq) if (message.quoted?.seq <= seq) this.#bySeq.set(one, { ...message, quoted: undefined });
    this.#spans.add(1, seq);
    this.#changed();
  }

  /** Adds the user's own message that is being sent. */
  addPending(message) {
    if (this.find(message.id)) return;
    this.pending = [...this.pending, message];
    this.#changed();
  }

  /** Called if events were missed for good: everything must be loaded again. */
  forget() {
    this.#stale = new Set(this.#bySeq.keys());
    this.#spans.clear();
    this.#loading.clear();
    this.#forgotten += 1;
  }

  loadNewest() {
    return this.#once("newest", async () => {
      const { messages, hasMore } = await this.#fetch({});
      const last = messages.at(-1)?.seq ?? 0;
      this.lastSeq = Math.max(last, this.#spans.last()); // lower than before if the server lost the newest messages
      this.#remove([...this.#stale].filter((seq) => seq > last));
      this.#keepPage(messages, hasMore ? messages[0].seq : 1, last);
    });
  }

  /** Loads the messages after the newest known one, if there are any up to `seq`. */
  async catchUp(seq) {
    const known = this.lastSeq;
    if (known === 0 || known >= seq) return;
    this.lastSeq = seq;
    await this.loadAfter(known).catch(() => undefined); // they are loaded when somebody scrolls there
  }

  loadBefore(seq) {
    return this.#once(`before ${seq}`, async () => {
      const { messages, hasMore } = await this.#fetch({ before: seq });
      this.#keepPage(messages, hasMore && messages.length ? messages[0].seq : 1, seq - 1);
    });
  }

  loadAfter(seq) {
    return this.#once(`after ${seq}`, async () => {
      const target = this.lastSeq;
      const { messages, hasMore } = await this.#fetch({ after: seq });
      const last = messages.at(-1)?.seq ?? seq;
      this.#keepPage(messages, seq + 1, hasMore ? last : Math.max(last, target));
    });
  }

  /** Loads everything between the two, in as many pages as needed. */
  async loadRange(first, last) {
    while (!this.knows(first, last)) {
      const known = this.knownTo(first);
      await this.loadAfter(known >= first ? known : first - 1);
    }
  }

  /** Returns the seq of a message. Loads the messages around it if it is unknown. Rejects if the user does not see it. */
  async locate(place) {
    const known = typeof place === "number" ? this.at(place)?.seq : this.find(place)?.seq;
    return known ?? this.loadAround({ around: place });
  }

  /** Loads the messages around a place: `{around}`, a seq or an id, or `{at}`, a time. Returns the seq of the message there. */
  async loadAround(place) {
    const target = this.lastSeq;
    const { messages, seq, hasMore, hasMoreAfter } = await this.#fetch(place);
    const last = messages.at(-1)?.seq ?? 0;
    if (seq) this.#keepPage(messages, hasMore ? messages[0].seq : 1, hasMoreAfter ? last : Math.max(last, target));
    return seq;
  }

  /** Loads a page of the history; loads it again if `forget` was called in the meantime. */
  async #fetch(query) {
    const before = this.#forgotten;
    const page = await this.#client.history(this.id, { limit: PAGE, ...query });
    return before === this.#forgotten ? page : this.#fetch(query);
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
    if (before && before !== message.seq) this.#remove([before]); // the server lost it, and it was sent again
    const there = this.#bySeq.get(message.seq);
    if (there && there.id !== message.id) this.#remove([message.seq]); // the server lost it, and gave its seq to this one
    const old = this.#bySeq.get(message.seq);
    this.#stale.delete(message.seq);
    this.pending = this.pending.filter((m) => m.id !== message.id);
    const read = this.#withEarly(longer(old, message));
    const next = old ? { ...read, reactions: read.reactions ?? old.reactions } : read;
    // An unchanged message stays the same object, so that its row is not redrawn and keeps the focus.
    if (!old || JSON.stringify(old) !== JSON.stringify(next)) this.#bySeq.set(message.seq, next);
    this.#seqOf.set(message.id, message.seq);
    this.lastSeq = Math.max(this.lastSeq, message.seq);
  }

  /** Returns the message with the texts that arrived while it was loading. */
  #withEarly(message) {
    const early = this.#early.get(message.id);
    if (!early) return message;
    this.#early.delete(message.id);
    return message.streaming ? early.reduce((shown, text) => grown(shown, text) ?? shown, message) : message;
  }

  /** Concurrent loads of the same page share one request. */
  #once(what, load) {
    const known = this.#loading.get(what);
    if (known) return known;
    const loading = load().finally(() => {
      if (this.#loading.get(what) === loading) this.#loading.delete(what);
      if (!this.#loading.size) this.#early.clear();
    });
    this.#loading.set(what, loading);
    return loading;
  }
}
