import { button } from "/client/ui/button.js";
import { t } from "/client/ui/language.js";

/**
 * The button below a list that loads more of it. `load` also removes the button, so the first new entry gets the focus.
 * @param {HTMLElement} list @param {() => Promise<void>} load
 */
export const moreButton = (list, load) => button(t("Show more"), async () => {
  const count = list.childElementCount;
  await load();
  if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (list.children[count]?.querySelector("button, a"))?.focus();
});
