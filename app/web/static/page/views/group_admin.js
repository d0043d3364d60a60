// Group settings for owners and admins: name, history for new members, invite links.

import { button, busy, iconButton } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { empty, failure, spinner } from "../components/empty.js";
import { field, toggle } from "../components/field.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { exactly } from "../lib/times.js";
import { plural, sentence } from "../lib/words.js";

const WEEK_S = 7 * 86_400;

export async function editGroup(app, conversation) {
  const changed = await openDialog("Name and description", (close) => {
    const name = field("Name", { maxlength: app.store.client.limits?.maxGroupName, value: conversation.name ?? "", autofocus: true });
    const about = field("Description", { rows: "3", maxlength: app.store.client.limits?.maxGroupDescription });
    about.input.value = conversation.description ?? "";
    let history = conversation.history ?? "all";
    const past = toggle("New members can see earlier messages", history === "all", (on) => (history = on ? "all" : "joined"));
    const save = button("Save", submit, "primary");
    async function submit() {
      const text = name.input.value.trim();
      name.fail(text ? "" : "Please enter a name for the group.");
      if (!text) return;
      const changes = { name: text, description: about.input.value.trim() || null, history };
      const done = await busy(save, () => app.store.client.updateConversation(conversation.id, changes), (error) => name.fail(sentence(error)));
      if (done) close(done);
    }
    return [name.row, about.row, past, h("div.actions", null, save)];
  });
  if (changed) app.store.conversations.put(changed);
}

export function groupInvites(app, conversation) {
  const { client } = app.store;
  return openDialog("Invite links", () => {
    const list = h("div.invites", null, spinner("Loading"));
    async function load() {
      try {
        const { invites } = await client.invites(conversation.id);
        const rows = invites.map((invite) => row(app, conversation, invite, load));
        fill(list, rows.length ? h("ul.rows", null, rows) : empty("link", "No links yet", "Anyone with a link can join the group."));
      } catch (error) {
        fill(list, failure(error, load));
      }
    }
    const make = button("New link, valid for a week", async () => {
      await busy(make, () => client.createInvite(conversation.id, { expiresIn: WEEK_S }), toastError);
      await load();
    }, "primary");
    load();
    return [list, h("div.actions", null, make)];
  });
}

function row(app, conversation, invite, reload) {
  const address = `${location.origin}/#/invite/${invite.code}`;
  const copy = () => navigator.clipboard.writeText(address).then(() => toast("Copied"), () => toast(address));
  const revoke = async () => {
    await app.store.client.revokeInvite(conversation.id, invite.code).catch(toastError);
    await reload();
  };
  const used = plural(invite.uses ?? 0, "use");
  const ends = invite.expiresAt ? `expires ${exactly(invite.expiresAt)}` : "never expires";
  return h("li.invite", { dataset: { code: invite.code } }, h("span.words", null, h("code", null, address), h("span.detail", null, `${used}, ${ends}`)),
    iconButton("copy", "Copy link", copy), iconButton("trash", "Revoke link", revoke));
}

/** Shows the group of an invite link and lets the user join. */
export async function followInvite(app, code) {
  const { client, conversations } = app.store;
  try {
    const about = await client.invite(code);
    const joined = await openDialog("You're invited", (close) => {
      const join = button("Join group", async () => close(await busy(join, () => client.acceptInvite(code), toastError)), "primary");
      return [h("p", null, h("strong", null, about.name ?? "A group"), ` · ${plural(about.memberCount ?? 0, "member")}`), h("div.actions", null, join)];
    });
    if (!joined) return app.go("#/");
    conversations.put(joined);
    return app.open(joined.id);
  } catch (error) {
    toastError(error, { not_found: "This invite link is no longer valid." });
    return app.go("#/");
  }
}
