import { button, busy } from "/client/ui/button.js";
import { openDialog } from "../components/dialog.js";
import { field } from "../components/field.js";
import { toastError } from "../components/toast.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";
import { peoplePicker } from "./people_picker.js";

/** Finds a person and opens the conversation with them. */
export async function newConversation(app) {
  const user = await openDialog(t("New conversation"), (close) => {
    const notes = button(t("Notes to yourself"), () => close(app.store.me), "plain");
    return [peoplePicker(app.store, { onPick: close }).element, h("div.actions", null, notes)];
  });
  if (user) await app.openDirect(user.id).catch(toastError);
}

/** Creates a group: its name and its members. */
export async function newGroup(app) {
  const group = await openDialog(t("New group"), (close) => {
    const name = field(t("Group name"), { limit: app.store.client.limits?.maxGroupName, autocomplete: "off", autofocus: true });
    const picker = peoplePicker(app.store, { many: true, except: new Set([app.store.me.id]) });
    picker.input.removeAttribute("autofocus");
    const create = button(t("Create group"), submit, "primary");
    async function submit() {
      const text = name.input.value.trim();
      name.fail(text ? "" : t("Please enter a name for the group."));
      if (!text) return name.input.focus();
      const memberIds = picker.chosen().map((user) => user.id);
      const made = await busy(create, () => app.store.client.createGroup({ name: text, memberIds }), (error) => name.fail(sentence(error)));
      return made && close(made);
    }
    return [name.row, picker.element, h("div.actions", null, create)];
  });
  if (!group) return;
  app.store.conversations.put(group);
  app.open(group.id);
}
