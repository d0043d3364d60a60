import { button } from "/client/ui/button.js";
import { t } from "/client/ui/language.js";

/**
 * The button below or at the end of a list that loads more of it. `load` also removes the button, so the first new entry gets the focus.
 * Entries are told apart by their place: the elements of old ones are replaced when the names in them arrive.
 * @param {HTMLElement} list @param {() => Promise<void>} load
 */
export const moreButton = (list, load) => {
  const more = button(t("Show more"), async () => {
    const before = [...list.children].filter((entry) => !entry.contains(more)).length;
    await load();
    if (document.activeElement !== document.body) return;
    const fresh = [...list.children].slice(before).map((entry) => /** @type {HTMLElement | null} */ (entry.querySelector("button, a")));
    fresh.find(Boolean)?.focus();
  });
  return more;
};
