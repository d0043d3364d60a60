// Which seqs of a conversation are known without a gap: sorted spans [first, last] that neither touch nor overlap.

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

  /** The span that holds `seq`, or null. */
  around(seq) {
    return this.#spans.find(([a, b]) => a <= seq && seq <= b) ?? null;
  }

  has(first, last) {
    const span = this.around(first);
    return span !== null && span[1] >= last;
  }

  /** The last seq of all. */
  last() {
    return this.#spans.at(-1)?.[1] ?? 0;
  }

  clear() {
    this.#spans = [];
  }
}
