// Takes content that another app shared with the installed page: the service worker keeps it (client/sw.js) and opens
// #/share.

import { toast } from "../components/toast.js";
import { t } from "/client/ui/language.js";
import { chooseConversation } from "./choose_conversation.js";

const KEPT = "parley-shared";

/** Lets the user choose a conversation, and puts the text and the files into its message field. Nothing is sent. */
export async function takeShare(app) {
  const shared = await takeKept();
  if (!shared.text && !shared.files.length) {
    toast(t("What you shared did not arrive. Please share it again."));
    return app.go("#/");
  }
  await listLoaded(app.store);
  const target = await chooseConversation(app.store, t("Share with"));
  return target ? app.give(target.id, shared) : app.go("#/");
}

async function takeKept() {
  if (!globalThis.caches) return { text: "", files: [] };
  const kept = await caches.open(KEPT);
  const text = await (await kept.match("/share/text"))?.text();
  const files = [];
  for (const request of await kept.keys()) {
    const answer = await kept.match(request);
    const name = answer.headers.get("X-Name");
    if (name) files.push(new File([await answer.blob()], decodeURIComponent(name), { type: answer.headers.get("Content-Type") }));
  }
  await caches.delete(KEPT);
  return { text: text ?? "", files };
}

function listLoaded({ conversations, topics }) {
  if (conversations.ready) return undefined;
  return new Promise((resolve) => {
    const stop = topics.on("conversations", () => {
      if (!conversations.ready) return;
      stop();
      resolve(undefined);
    });
  });
}
