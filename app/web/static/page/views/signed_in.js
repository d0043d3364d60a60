// Everything behind the sign-in: its own script, loaded while somebody signs in, or at once if they are signed in.

import { toastError } from "../components/toast.js";
import { fill } from "/client/ui/dom.js";
import { serveInstalledPage } from "../lib/install.js";
import { nameWords } from "/client/ui/conversation_names.js";
import { t } from "/client/ui/language.js";
import { forgetDrafts } from "/client/state/drafts.js";
import { Store } from "/client/state/store.js";
import { Shell } from "./shell.js";

/**
 * Shows the conversations. `leave` reloads the page with a note, so that nothing of this user stays in memory.
 * @param {any} client @param {HTMLElement} root @param {(note: string) => void} onLeave
 */
export async function showShell(client, root, onLeave) {
  const leave = (note) => {
    forgetDrafts();
    onLeave(note);
  };
  let leaving = false;
  client.on("signed_out", () => leaving || leave(t("You have been signed out.")));
  const signOut = async () => {
    leaving = true;
    await client.logout().catch(toastError);
    leave("");
  };
  const deleteAccount = async (password) => {
    leaving = true; // the server ends this session before it answers
    try {
      await client.request("DELETE", "/me", password === undefined ? undefined : { password });
    } catch (error) {
      if (!client.me) leave(t("You have been signed out.")); // the account may be deleted although the answer was lost
      leaving = false;
      throw error;
    }
    await client.logout().catch(() => undefined); // the tokens no longer work; this removes them from the browser
    leave(t("Your account has been deleted."));
  };
  serveInstalledPage();
  const store = new Store(client, { words: nameWords });
  const shell = new Shell(store, { onSignOut: signOut, onDeleteAccount: deleteAccount });
  fill(root, shell.element);
  await store.begin().catch((error) => client.me && toastError(error));
  await shell.requests.load(); // after the connection: later requests come as events
}
