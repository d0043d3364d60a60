// The actions on a message, and the menus that offer them.

import { openDialog, choose, confirmed } from "../components/dialog.js";
import { emojiGrid, quickEmoji } from "../components/emoji.js";
import { openMenu } from "../components/menu.js";
import { toast, toastError } from "../components/toast.js";
import { h } from "../lib/dom.js";
import { exactly } from "../lib/times.js";
import { withReaction } from "../store/store.js";
import { roleIn } from "./roles.js";
import { openForward } from "./forward.js";
import { openPicture } from "./picture.js";
import { openReceipts } from "./receipts.js";
import { REASONS } from "./report_reasons.js";

/**
 * @param {any} app
 * @param {() => any} conversation returns its current state
 * @param {{reply: (message) => void, edit: (message) => void, jump: (seq) => void}} view
 */
export function messageActions(app, conversation, view) {
  const { store } = app;
  const { client } = store;

  async function react(message, emoji, on) {
    const change = (wanted) => (old) => ({ ...old, reactions: withReaction(old.reactions ?? [], emoji, wanted, true) });
    const timeline = store.timeline(message.conversationId);
    timeline.update(message.id, change(on));
    try {
      await client.react(message.id, emoji, on, message.conversationId);
    } catch (error) {
      timeline.update(message.id, change(!on));
      toastError(error);
    }
  }

  async function attempt(act, done) {
    try {
      await act();
      if (done) toast(done);
    } catch (error) {
      toastError(error);
    }
  }

  async function remove(message, scope) {
    const everyone = scope === "everyone";
    const text = everyone ? "It will be deleted for everyone in this conversation." : "You will no longer see it, but others still will.";
    if (!(await confirmed("Delete this message?", text, everyone ? "Delete for everyone" : "Delete for me"))) return;
    await attempt(async () => {
      await client.remove(message.id, scope, message.conversationId);
      if (!everyone) store.hidden(message.conversationId, message.id);
    });
  }

  async function report(message) {
    const reason = await choose("Why are you reporting this message?", REASONS);
    if (reason) await attempt(() => client.report(message.id, reason), "Thank you. An administrator will take a look.");
  }

  function pin(message) {
    return attempt(async () => {
      await client.pin(message.id, !message.pinnedAt, message.conversationId);
    });
  }

  function star(message) {
    return attempt(() => client.star(message.id, !message.starred, message.conversationId));
  }

  function openReactions(anchor, message) {
    const mine = (message.reactions ?? []).filter((r) => r.mine).map((r) => r.emoji);
    const pick = (emoji) => {
      close();
      react(message, emoji, !mine.includes(emoji));
    };
    const more = { label: "More reactions", icon: "add", act: () => moreReactions(message) };
    const close = openMenu(anchor, [more], quickEmoji(pick, mine));
  }

  async function moreReactions(message) {
    const emoji = await openDialog("React", (done) => emojiGrid(done));
    if (emoji) await react(message, emoji, true);
  }

  function items(message) {
    const own = message.senderId === store.me.id;
    const role = roleIn(conversation(), store.me.id);
    const leads = role === "owner" || role === "admin";
    const fresh = Date.now() - Date.parse(message.sentAt) < 1000 * (client.limits?.editSeconds ?? Infinity);
    const text = Boolean(message.message);
    return [
      { label: "Reply", icon: "reply", act: () => view.reply(message) },
      { label: "Forward", icon: "forward", act: () => openForward(app, message) },
      text && { label: "Copy text", icon: "copy", act: () => attempt(() => navigator.clipboard.writeText(message.message), "Copied") },
      own && fresh && text && { label: "Edit", icon: "edit", act: () => view.edit(message) },
      message.editedAt && (own || leads) && { label: "Edit history", icon: "clock", act: () => showEdits(message) },
      (conversation().kind === "direct" || leads) && { label: message.pinnedAt ? "Unpin" : "Pin", icon: "pin", act: () => pin(message) },
      { label: message.starred ? "Remove star" : "Star", icon: "star", act: () => star(message) },
      own && conversation().kind === "group" && { label: "Read by", icon: "delivered", act: () => openReceipts(store, message) },
      !own && { label: "Report", icon: "warn", act: () => report(message) },
      { label: "Delete for me", icon: "trash", danger: true, act: () => remove(message, "me") },
      ((own && fresh) || leads) && { label: "Delete for everyone", icon: "trash", danger: true, act: () => remove(message, "everyone") },
    ];
  }

  function openActions(anchor, message) {
    const mine = (message.reactions ?? []).filter((r) => r.mine).map((r) => r.emoji);
    const pick = (emoji) => {
      close();
      react(message, emoji, !mine.includes(emoji));
    };
    const close = openMenu(anchor, items(message), quickEmoji(pick, mine));
  }

  async function showEdits(message) {
    await attempt(async () => {
      const list = h("ol.plain");
      const more = h("button.button.plain", { type: "button", hidden: true }, "Earlier texts");
      let before;
      const load = async () => {
        const page = await client.edits(message.id, { conversationId: message.conversationId, before });
        before = page.cursor;
        more.hidden = !page.hasMore;
        const lines = page.edits.map((edit) => h("li", null, h("p", null, edit.message), h("small", null, exactly(edit.editedAt))));
        list.prepend(...lines);
      };
      more.onclick = () => attempt(load);
      await load();
      await openDialog("Edit history", () => h("div", null, more, list));
    });
  }

  /** On touch screens, a tap on a message opens its menu. */
  function onBubble(event, message) {
    if (event.detail === 2 && !message.deletedAt) return view.reply(message);
    const touch = matchMedia("(hover: none)").matches;
    const control = event.target.closest("a, button, video, input, audio");
    if (touch && !control && !message.deletedAt && message.seq && !String(getSelection())) openActions(event.currentTarget, message);
    return undefined;
  }

  return {
    react,
    openReactions,
    openMenu: openActions,
    onBubble,
    reply: view.reply,
    jump: view.jump,
    openPicture: (attachment) => openPicture(store, attachment),
    retry: (message) => attempt(() => client.retry(message.id)),
    discard: (message) => attempt(async () => {
      await client.discard(message.id);
      store.timeline(message.conversationId ?? conversation().id).drop(message.id);
    }),
  };
}
