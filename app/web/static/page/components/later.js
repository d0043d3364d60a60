// Parts of the page that are loaded when they are first needed: `later(import("./settings.js"), ({ openSettings }) => …)`.

import { t } from "/client/ui/language.js";
import { confirmed } from "./dialog.js";

/**
 * Passes the module to `use` and returns its result. If the module cannot be loaded, offers to reload the page, because the
 * server may have a newer version of it.
 * @template M, R
 * @param {Promise<M>} loading @param {(module: M) => R | Promise<R>} use @returns {Promise<R | undefined>}
 */
export async function later(loading, use) {
  let module;
  try {
    module = await loading;
  } catch {
    const text = t("This part could not be loaded. Parley may have been updated, or there is no connection. Your messages are not affected.");
    if (await confirmed(t("Reload the page?"), text, t("Reload"))) location.reload();
    return undefined;
  }
  return use(module);
}
