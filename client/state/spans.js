// The loaded seqs of a conversation, as sorted spans [first, last] that neither touch nor overlap.

export class Spans {
  #spans = [];

  add(first, last) {
    if (last < first) return;
    const apart = this.#spans.filter(([a, b]) => b < first - 1 || a > last + 1);
    const joined = this.#spans.filter(([a, b]) => !(b < first - 1 || a > last + 1));
    const low = Math.min(first, ...joined.map(([a]) => a));
    const high = Math.max(last, ...joined.map(([, b]) => b));
    this.#spans = [...apart, [low, high]].sort(([a], [b]) => a - b);
  }

  /** Returns the span that contains `seq`, or null. */
  around(seq) {
    return this.#spans.find(([a, b]) => a <= seq && seq <= b) ?? null;
  }

  has(first, last) {
    const span = this.around(first);
    return span !== null && span[1] >= last;
  }

  /** Returns the highest seq. */
  last() {
    return this.#spans.at(-1)?.[1] ?? 0;
  }

  clear() {
    this.#spans = [];
  }
}
