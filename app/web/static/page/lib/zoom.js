// Zooms and moves an element with the pointer: wheel, double click, pinch and drag. Swipes are reported while it is not zoomed.

const MAX = 6;
const CLICKED = 2.5;
const SWIPE_PX = 60;
const KEY_STEP = 1.4;

export class Zoom {
  #stage;
  #target;
  #swiped;
  #scale = 1;
  #x = 0;
  #y = 0;
  #pointers = new Map();
  #began = null;

  /**
   * @param {HTMLElement} stage gets the pointer's events
   * @param {(direction: "left" | "right" | "down") => void} swiped
   */
  constructor(stage, swiped) {
    [this.#stage, this.#swiped] = [stage, swiped];
    stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => this.#to(this.#scale > 1 ? 1 : CLICKED, event));
    stage.addEventListener("pointerdown", (event) => this.#onDown(event));
    stage.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.#onUp(event));
  }

  /** Zooms another element from now on. */
  show(target) {
    this.#target = target;
    this.reset();
  }

  get zoomed() {
    return this.#scale > 1;
  }

  in() {
    this.#to(this.#scale * KEY_STEP);
  }

  out() {
    this.#to(this.#scale / KEY_STEP);
  }

  reset() {
    [this.#scale, this.#x, this.#y] = [1, 0, 0];
    this.#draw();
  }

  /** Zooms around a point of the screen, or the middle. */
  #to(scale, point = this.#middle()) {
    const next = Math.min(MAX, Math.max(1, scale));
    const middle = this.#middle();
    const [dx, dy] = [point.clientX - middle.clientX, point.clientY - middle.clientY];
    const ratio = next / this.#scale;
    this.#x = dx - (dx - this.#x) * ratio;
    this.#y = dy - (dy - this.#y) * ratio;
    this.#scale = next;
    this.#draw();
  }

  #middle() {
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    return { clientX: left + width / 2, clientY: top + height / 2 };
  }

  #onWheel(event) {
    event.preventDefault();
    this.#to(this.#scale * 1.0015 ** -event.deltaY, event);
  }

  #onDown(event) {
    if (event.target.closest("button, a")) return;
    this.#pointers.set(event.pointerId, event);
    this.#began = { x: event.clientX, y: event.clientY, several: this.#pointers.size > 1 };
    this.#stage.setPointerCapture(event.pointerId);
  }

  #onMove(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const [other] = [...this.#pointers.values()].filter((one) => one.pointerId !== event.pointerId);
    if (other) this.#to((this.#scale * distance(event, other)) / Math.max(1, distance(before, other)), between(event, other));
    else if (this.#scale > 1) [this.#x, this.#y] = [this.#x + event.clientX - before.clientX, this.#y + event.clientY - before.clientY];
    this.#pointers.set(event.pointerId, event);
    this.#draw();
  }

  #onUp(event) {
    if (!this.#pointers.delete(event.pointerId) || !this.#began) return;
    const { x, y, several } = this.#began;
    const [dx, dy] = [event.clientX - x, event.clientY - y];
    if (event.type === "pointerup" && !several && this.#scale === 1) {
      if (Math.abs(dx) > SWIPE_PX && Math.abs(dx) > Math.abs(dy)) this.#swiped(dx > 0 ? "right" : "left");
      else if (dy > 2 * SWIPE_PX) this.#swiped("down");
    }
    if (!this.#pointers.size) this.#began = null;
  }

  /** Keeps some of the picture on the screen. */
  #draw() {
    if (!this.#target) return;
    const { width, height } = this.#stage.getBoundingClientRect();
    const [most, high] = [(width * (this.#scale - 1)) / 2, (height * (this.#scale - 1)) / 2];
    this.#x = Math.min(most, Math.max(-most, this.#x));
    this.#y = Math.min(high, Math.max(-high, this.#y));
    this.#target.style.setProperty("transform", `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`);
    this.#stage.classList.toggle("zoomed", this.#scale > 1);
  }
}

const distance = (one, other) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);

const between = (one, other) => ({ clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 });
