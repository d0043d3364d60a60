const MAX_HEIGHT_PX = 180;

/** Sizes the field by its content in browsers that do not do it themselves. @param {HTMLTextAreaElement} field */
export function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.setProperty("height", "auto");
  field.style.setProperty("height", `${Math.min(field.scrollHeight, MAX_HEIGHT_PX)}px`);
}
