// Icons by meaning, drawn on a grid of 24 with strokes of 1.8: those of the widget and of the parts that it shares with the page.

import { drawing } from "./dom.js";

/** @type {Record<string, string | string[]>} */
const PATHS = {
  attach: "M20 11.5l-8 8a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700l-8.500 8.500a1.700 1.700 0 0 1-2.400-2.400l7.500-7.500",
  back: "M15 5l-7 7 7 7",
  chat: ["M12 4.500c-4.700 0-8.500 3-8.500 7 0 2.200 1.200 4.100 3 5.400L6 20.500l4-2.200c.650.100 1.300.200 2 .200 4.700 0 8.500-3 8.500-7s-3.800-7-8.500-7z", "M8.500 11.500h.01M12 11.500h.01M15.500 11.500h.01"],
  check: "M5 12.500l4.500 4.500L19 7.500",
  clock: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v4.500l3 1.500"],
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  file: ["M6 3h8l4 4v14H6z", "M14 3v4h4"],
  info: ["M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17z", "M12 11v5M12 8v.1"],
  more: "M12 5.500v.1M12 12v.1M12 18.500v.1",
  pin: "M9 4h6l-.5 6 3.500 3v1.500H6V13l3.500-3zM12 14.500V21",
  reply: "M10 6l-6 5.500 6 5.500v-3.500c5 0 8 1.500 10 4.500 0-5-3-9-10-9z",
  send: "M4 12l16-8-5 16-3.500-6.500zM11.500 13.500L20 4",
  smile: ["M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17z", "M8.500 14a4 4 0 0 0 7 0M9 9.500v.1M15 9.500v.1"],
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  warn: "M12 4l9 16H3zM12 10v4.500M12 17v.1",
  delivered: ["M2.500 12.500L7 17l9-9.500", "M11 16l1 1 9.500-9.500"],
};

/** These point along the line, so they are mirrored in languages that are written from right to left. */
const POINTING = new Set(["back", "next", "forward", "leave", "reply", "send"]);

/** Adds the icons of an application. @param {Record<string, string | string[]>} more */
export const addIcons = (more) => Object.assign(PATHS, more);

/** @param {string} name */
export function icon(name) {
  const made = drawing(PATHS[name]);
  if (POINTING.has(name)) made.classList.add("pointing");
  return made;
}
