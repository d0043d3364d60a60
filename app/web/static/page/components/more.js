import { button } from "/client/ui/button.js";
import { t } from "/client/ui/language.js";

/**
 * The button below or at the end of a list that loads more of it. `load` also removes the button, so the first new entry gets the focus.
 * @param {HTMLElement} list @param {() => Promise<void>} load
 */
export const moreButton = (list, load) => button(t("Show more"), async () => {
  const before = new Set(list.children);
  await load();
  if (document.activeElement !== document.body) return;
  const fresh = [...list.children].filter((one) => !before.has(one)).map((one) => /** @type {HTMLElement | null} */ (one.querySelector("button, a")));
  fresh.find(Boolean)?.focus();
});
