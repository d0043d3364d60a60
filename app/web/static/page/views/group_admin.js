// Group settings for owners and admins: name, history for new members, who may write, invite links.

import { button, busy, iconButton } from "/client/ui/button.js";
import { copy } from "../components/copy.js";
import { openDialog } from "../components/dialog.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { field, toggle } from "../components/field.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { plural, t } from "/client/ui/language.js";
import { exactly } from "/client/ui/times.js";
import { sentence } from "/client/ui/words.js";

const WEEK_S = 7 * 86_400;

export async function editGroup(app, conversation) {
  const changed = await openDialog(t("Name and description"), (close) => {
    const name = field(t("Name"), { limit: app.store.client.limits?.maxGroupName, value: conversation.name ?? "", autofocus: true });
    const about = field(t("Description"), { rows: "3", limit: app.store.client.limits?.maxGroupDescription });
    about.input.value = conversation.description ?? "";
    let history = conversation.history ?? "all";
    const past = toggle(t("New members can see earlier messages"), history === "all", (on) => (history = on ? "all" : "joined"));
    let readOnly = Boolean(conversation.readOnly);
    const writers = toggle(t("Only admins can write"), readOnly, (on) => (readOnly = on));
    const save = button(t("Save"), submit, "primary");
    async function submit() {
      const text = name.input.value.trim();
      name.fail(text ? "" : t("Please enter a name for the group."));
      if (!text) return;
      const before = { name: conversation.name, description: conversation.description ?? null, history: conversation.history ?? "all", readOnly: Boolean(conversation.readOnly) };
      const now = { name: text, description: about.input.value.trim() || null, history, readOnly };
      const changes = Object.fromEntries(Object.entries(now).filter(([field, value]) => value !== before[field]));
      if (!Object.keys(changes).length) return close();
      const done = await busy(save, () => app.store.client.updateConversation(conversation.id, changes), (error) => name.fail(sentence(error)));
      if (done) close(done);
    }
    return [name.row, about.row, past, writers, h("div.actions", null, save)];
  });
  if (changed) app.store.conversations.put(changed);
}

export function groupInvites(app, conversation) {
  const { client } = app.store;
  return openDialog(t("Invite links"), () => {
    const list = h("div.invites", null, spinner(t("Loading")));
    async function load() {
      try {
        const { invites } = await client.invites(conversation.id);
        const rows = invites.map((invite) => row(app, conversation, invite, load));
        fill(list, rows.length ? h("ul.rows", null, rows) : empty("link", t("No links yet"), t("Anyone with a link can join the group.")));
      } catch (error) {
        fill(list, failure(error, load));
      }
    }
    const make = button(t("New link, valid for a week"), async () => {
      await busy(make, () => client.createInvite(conversation.id, { expiresIn: WEEK_S }), toastError);
      await load();
    }, "primary");
    load();
    return [list, h("div.actions", null, make)];
  });
}

function row(app, conversation, invite, reload) {
  const address = `${location.origin}${location.pathname}#/invite/${invite.code}`;
  const revoke = async () => {
    await app.store.client.revokeInvite(conversation.id, invite.code).catch(toastError);
    await reload();
  };
  const used = plural(invite.uses ?? 0, "{count} use", "{count} uses");
  const ends = invite.expiresAt ? t("expires {time}", { time: exactly(invite.expiresAt) }) : t("never expires");
  return h("li.invite", { dataset: { code: invite.code } }, h("span.words", null, h("code", null, address), h("span.detail", null, `${used} · ${ends}`)),
    iconButton("copy", t("Copy link"), () => copy(address)), iconButton("trash", t("Revoke link"), revoke));
}

/** Shows the group of an invite link and lets the user join. */
export async function followInvite(app, code) {
  const { client, conversations } = app.store;
  try {
    const about = await client.invite(code);
    const joined = await openDialog(t("You're invited"), (close) => {
      const join = button(t("Join group"), async () => close(await busy(join, () => client.acceptInvite(code), toastError)), "primary");
      return [h("p", null, h("strong", null, about.name ?? t("A group")), ` · ${plural(about.memberCount ?? 0, "{count} member", "{count} members")}`), h("div.actions", null, join)];
    });
    if (!joined) return app.go("#/");
    conversations.put(joined);
    return app.open(joined.id);
  } catch (error) {
    toastError(error, { not_found: t("This invite link is no longer valid.") });
    return app.go("#/");
  }
}
