// The keyboard in the list of messages. All rows are one tab stop; arrow keys move between messages, Enter opens the menu of
// a message, and the letters of the menu act on it.

export class MessageKeys {
  #list;
  #toEnd;
  #act;

  /**
   * @param {HTMLElement} list of the rows
   * @param {() => void} toEnd
   * @param {(event: KeyboardEvent, id: string, row: HTMLElement) => boolean} act returns false if the key does nothing for the message
   */
  constructor(list, toEnd, act) {
    [this.#list, this.#toEnd, this.#act] = [list, toEnd, act];
  }

  /** Makes this row the one that Tab reaches. */
  rove(row = this.#list.querySelector(".message:focus")) {
    const rows = this.#list.querySelectorAll('.message[tabindex="0"]');
    rows.forEach((one) => one !== row && one.setAttribute("tabindex", "-1"));
    row?.setAttribute("tabindex", "0");
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const focused = /** @type {HTMLElement} */ (event.target);
    if (focused.matches("input, audio, video")) return; // they use the arrows themselves
    const row = /** @type {HTMLElement | null} */ (focused.closest(".message"));
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (plain && (event.key === "ArrowUp" || event.key === "ArrowDown")) this.#move(row, event.key === "ArrowUp" ? -1 : 1);
    else if (event.key === "Enter" && focused === row) /** @type {HTMLElement} */ (row.querySelector(".tools button:last-child"))?.click();
    else if (plain && event.key === "End" && !row) this.#toEnd();
    else if (!(row && plain && this.#act(event, row.dataset.id, row))) return;
    event.preventDefault();
  }

  #move(row, by) {
    const rows = [...this.#list.querySelectorAll(".message")];
    const next = row ? rows[rows.indexOf(row) + by] : rows.at(-1);
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
    this.rove(next);
  }
}
