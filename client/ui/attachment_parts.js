// Parts of attachments that are the same in the page and in the widget.

import { h } from "./dom.js";
import { t } from "./language.js";

/**
 * Returns the style of a picture's or a video's box. It has its size before the file loads, so that nothing jumps.
 * @param {{ width?: number, height?: number }} attachment @param {{ least: number, width: number, height: number }} px `least`: of the width
 */
export function boxOf({ width, height }, px) {
  const [across, down] = [width || 4, height || 3];
  const scale = Math.min(px.width / across, px.height / down, width ? 1 : Infinity);
  return { width: `${Math.max(px.least, Math.round(across * scale))}px`, "aspect-ratio": `${across} / ${down}` };
}

/** The name of a file above a detail, such as its size. @param {{ filename?: string }} attachment @param {string} detail */
export const fileWords = ({ filename }, detail) =>
  h("span.words", null, h("span.name", { dir: "auto" }, filename ?? t("File")), h("span.detail", null, detail));
