import { openDialog } from "../components/dialog.js";
import { h, reconcile } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { folded } from "/client/ui/folded.js";
import { face, titleOf } from "/client/ui/conversation_names.js";

/** Lets the user choose one of the loaded conversations. Resolves with it, or undefined. @param {any} store @param {string} title */
export async function chooseConversation(store, title) {
  let stop = () => {};
  const chosen = await openDialog(title, (close) => {
    const rows = h("div.choices");
    const none = h("p.detail", { hidden: true }, t("No conversation has this name."));
    const draw = () => {
      const wanted = folded(search.value.trim());
      const found = store.conversations.list().filter((one) => folded(titleOf(store, one)).includes(wanted));
      reconcile(rows, found.map((one) => row(store, one, close)));
      none.hidden = found.length > 0;
    };
    const search = h("input", { type: "search", placeholder: t("Search"), "aria-label": t("Search conversations"), autofocus: true, oninput: draw });
    stop = store.topics.on(["conversations", "people"], draw);
    draw();
    return [h("div.picker", null, search), rows, none];
  });
  stop();
  return chosen;
}

function row(store, conversation, close) {
  const name = titleOf(store, conversation);
  const make = () => h("button.person", { type: "button", onclick: () => close(conversation) }, face(store, conversation), h("span.name", { dir: "auto" }, name));
  return { key: String(conversation.id), deps: [name, conversation.avatarUrl], make };
}
