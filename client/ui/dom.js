// Creates elements without markup: text always becomes text nodes.

const SVG = "http://www.w3.org/2000/svg";

/**
 * h("button.quiet", {type: "button", onclick: f, "aria-label": "Close"}, "text", child, null)
 * Creates an element. Functions and booleans become properties, everything else attributes; `style` is an object.
 * @param {string} spec tag and classes, "tag.one.two"
 * @param {Object<string, any> | null} [props]
 * @param {...any} children nodes, strings and arrays of them; null, undefined and false are skipped
 * @returns {any}
 */
export function h(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  append(element, children);
  return element;
}

function setProp(element, name, value) {
  if (value === null || value === undefined) return;
  if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, String(text));
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "class") element.className = `${element.className} ${value}`.trim();
  else if (typeof value === "function" || typeof value === "boolean") element[name] = value;
  else element.setAttribute(name, String(value));
}

export function append(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child);
  }
  return parent;
}

/** Replaces the children of `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren();
  return append(parent, children);
}

/** Creates a line drawing of 24 by 24 from path data. */
export function drawing(paths) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of [["viewBox", "0 0 24 24"], ["aria-hidden", "true"], ["class", "icon"]]) {
    svg.setAttribute(name, value);
  }
  for (const d of [paths].flat()) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** The rows that `reconcile` made last, by parent: key → row. */
const rowsByParent = new WeakMap();

/** Parents with a changed row that is pressed: the rows they get after the release. */
const rowsAfterRelease = new WeakMap();

/**
 * Gives `parent` these rows in this order. Keeps the element of a key if its `deps` have not changed, and while it is
 * pressed: a click needs the element on which it began.
 * @param {Element} parent
 * @param {{key: string, deps: any[], make: () => Element}[]} rows
 */
export function reconcile(parent, rows) {
  const known = rowsByParent.get(parent) ?? new Map();
  const next = new Map();
  let place = parent.firstElementChild;
  if (rowsAfterRelease.has(parent)) rowsAfterRelease.set(parent, rows);
  for (const row of rows) {
    const old = known.get(row.key);
    const changed = old && !same(old.deps, row.deps);
    const pressed = changed && old.element.matches(":active");
    if (pressed) reconcileAfterRelease(parent, rows);
    const kept = old && (pressed || !changed);
    const element = kept ? old.element : row.make();
    if (old && !kept) {
      if (place === old.element) place = element;
      replaceKeepingFocus(old.element, element);
    }
    next.set(row.key, { element, deps: pressed ? old.deps : row.deps });
    known.delete(row.key);
    if (element === place) place = element.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const { element } of known.values()) removeKeepingFocus(element);
  rowsByParent.set(parent, next);
}

const places = (row) => [row, ...row.querySelectorAll("a, button, input, [tabindex]")];

/** Removes a row. If it has the focus, a row beside it gets the focus. */
function removeKeepingFocus(element) {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  const rows = element.contains(root.activeElement) ? [...element.parentElement.children] : [];
  const at = rows.indexOf(element);
  element.remove();
  for (const place of [...rows.slice(at + 1), ...rows.slice(0, Math.max(at, 0)).reverse()].flatMap(places)) {
    place.focus({ preventScroll: true });
    if (root.activeElement === place) return;
  }
}

/** Replaces a row. The focus stays at the same place: on the same button, or on the row itself. */
function replaceKeepingFocus(old, element) {
  const root = /** @type {Document | ShadowRoot} */ (old.getRootNode());
  const at = places(old).indexOf(root.activeElement);
  old.replaceWith(element);
  if (at >= 0) (places(element)[at] ?? element).focus({ preventScroll: true });
}

function reconcileAfterRelease(parent, rows) {
  if (rowsAfterRelease.has(parent)) return;
  rowsAfterRelease.set(parent, rows);
  const end = new AbortController();
  const released = () => {
    end.abort();
    setTimeout(() => { // after the click
      const last = rowsAfterRelease.get(parent);
      rowsAfterRelease.delete(parent);
      reconcile(parent, last);
    });
  };
  for (const name of ["pointerup", "pointercancel", "keyup"]) document.addEventListener(name, released, { signal: end.signal });
}

function same(one, other) {
  return one.length === other.length && one.every((value, index) => Object.is(value, other[index]));
}

/** Returns the element of a row that `reconcile` made, or undefined. */
export function rowOf(parent, key) {
  return rowsByParent.get(parent)?.get(key)?.element;
}
