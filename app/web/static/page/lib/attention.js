// Decides which of this browser's tabs calls for attention: one of them, but none while a tab has the focus.

/** Returns true if the user looks at this tab. */
export const focused = () => document.visibilityState === "visible" && document.hasFocus();

/** Uses locks, because the browser releases them however a tab ends. On plain http there are none: each tab decides for itself. */
export class Attention {
  #chosen = !navigator.locks;
  #name;
  #release = null;

  /** @param {string} name the same in all tabs of one user */
  constructor(name) {
    this.#name = `${name}:focused`;
    navigator.locks?.request(`${name}:chosen`, () => {
      this.#chosen = true;
      return new Promise(() => undefined); // until the tab closes
    });
    for (const event of ["focus", "blur"]) window.addEventListener(event, () => this.#look());
    document.addEventListener("visibilitychange", () => this.#look());
    this.#look();
  }

  /** Returns true if this tab should call. */
  async wanted() {
    if (focused() || !this.#chosen) return false;
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    return !held.some((lock) => lock.name === this.#name);
  }

  #look() {
    if (focused() === Boolean(this.#release)) return;
    this.#release?.();
    this.#release = null;
    if (!focused() || !navigator.locks) return;
    const end = new Promise((resolve) => (this.#release = resolve));
    navigator.locks.request(this.#name, { mode: "shared" }, () => end);
  }
}
