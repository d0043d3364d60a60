// The actions on a message, and the menus that offer them.

import { copy } from "../components/copy.js";
import { choose, confirmed } from "../components/dialog.js";
import { pickEmoji, quickEmoji } from "../components/emoji.js";
import { later } from "../components/later.js";
import { openMenu } from "../components/menu.js";
import { toast, toastError } from "../components/toast.js";
import { pressed } from "../lib/keys.js";
import { t } from "/client/ui/language.js";
import { ownReactions, react as showReaction } from "/client/state/reactions.js";
import { leads, roleIn } from "./roles.js";
import { openPicture } from "./picture.js";
import { reasons } from "./report_reasons.js";

const KEYS = { reply: "R", edit: "E", react: "+", forward: "F", copy: "C", star: "S", pin: "P", remove: "Delete" }; // not shown

/** For the list of shortcuts. */
export const messageKeys = () => [
  { keys: KEYS.reply, words: t("Reply") }, { keys: KEYS.edit, words: t("Edit") }, { keys: KEYS.react, words: t("React") },
  { keys: KEYS.forward, words: t("Forward") }, { keys: KEYS.copy, words: t("Copy text") }, { keys: KEYS.star, words: t("Star") },
  { keys: KEYS.pin, words: t("Pin") }, { keys: KEYS.remove, words: t("Delete for me") },
];

/**
 * @param {any} app
 * @param {() => any} conversation returns its current state
 * @param {{reply: (message) => void, edit: (message) => void, jump: (seq) => void}} view
 */
export function messageActions(app, conversation, view) {
  const { store } = app;
  const { client } = store;

  async function attempt(act, done) {
    try {
      await act();
      if (done) toast(done);
    } catch (error) {
      toastError(error);
    }
  }

  function react(message, emoji, on) {
    return attempt(() => showReaction(store, message, emoji, on));
  }

  async function remove(message, scope) {
    const everyone = scope === "everyone";
    const text = everyone ? t("It will be deleted for everyone in this conversation.") : t("You will no longer see it, but others still will.");
    if (!(await confirmed(t("Delete this message?"), text, everyone ? t("Delete for everyone") : t("Delete for me")))) return;
    await attempt(async () => {
      await client.remove(message.id, scope, message.conversationId);
      if (!everyone) store.hidden(message.conversationId, message.id);
    });
  }

  async function report(message) {
    const reason = await choose(t("Why are you reporting this message?"), reasons());
    if (reason) await attempt(() => client.report(message.id, reason), t("Thank you. An administrator will take a look."));
  }

  function pin(message) {
    return attempt(() => client.pin(message.id, !message.pinnedAt, message.conversationId));
  }

  function stop(message) {
    return attempt(() => client.stopStream(message.id, message.conversationId));
  }

  function star(message) {
    return attempt(() => client.star(message.id, !message.starred, message.conversationId));
  }

  /** Opens a menu with the common reactions above its entries. */
  function openBelowReactions(anchor, message, entries) {
    const mine = ownReactions(message);
    const pick = (emoji) => {
      close();
      react(message, emoji, !mine.includes(emoji));
    };
    const close = openMenu(anchor, entries, quickEmoji(pick, mine));
  }

  function openReactions(anchor, message) {
    openBelowReactions(anchor, message, [{ label: t("More reactions"), icon: "add", act: () => moreReactions(message) }]);
  }

  async function moreReactions(message) {
    const emoji = await pickEmoji(t("React"));
    if (emoji) await react(message, emoji, true);
  }

  function items(message) {
    const own = message.senderId === store.me.id;
    const isLeader = leads(roleIn(conversation(), store.me.id));
    const fresh = Date.now() - Date.parse(message.sentAt) < 1000 * (client.limits?.editSeconds ?? Infinity);
    const text = Boolean(message.message);
    return [
      { label: t("Reply"), key: KEYS.reply, icon: "reply", act: () => view.reply(message) },
      !message.streaming && { label: t("Forward"), key: KEYS.forward, icon: "forward", act: () => later(import("./forward.js"), ({ openForward }) => openForward(app, message)) },
      text && { label: t("Copy text"), key: KEYS.copy, icon: "copy", act: () => copy(message.message) },
      message.seq && { label: t("Copy link"), icon: "link", act: () => copy(linkTo(message), t("Link copied")) },
      own && fresh && text && !message.streaming && { label: t("Edit"), key: KEYS.edit, icon: "edit", act: () => view.edit(message) },
      message.editedAt && (own || isLeader) && { label: t("Edit history"), icon: "clock", act: () => attempt(() => later(import("./edit_history.js"), ({ openEdits }) => openEdits(client, message))) },
      (conversation().kind === "direct" || isLeader) && { label: message.pinnedAt ? t("Unpin") : t("Pin"), key: KEYS.pin, icon: "pin", act: () => pin(message) },
      { label: message.starred ? t("Remove star") : t("Star"), key: KEYS.star, icon: "star", act: () => star(message) },
      own && conversation().kind === "group" && { label: t("Read by"), icon: "delivered", act: () => later(import("./receipts.js"), ({ openReceipts }) => openReceipts(store, message)) },
      !own && { label: t("Report"), icon: "warn", act: () => report(message) },
      { label: t("Delete for me"), key: KEYS.remove, icon: "trash", danger: true, act: () => remove(message, "me") },
      ((own && fresh) || isLeader) && { label: t("Delete for everyone"), icon: "trash", danger: true, act: () => remove(message, "everyone") },
    ];
  }

  function openActions(anchor, message) {
    openBelowReactions(anchor, message, items(message));
  }

  /** Acts on the focused message; returns false if the key does nothing for it. */
  function onKey(event, message, row) {
    if (message.deletedAt || !message.seq) return false;
    if (pressed(event, KEYS.react)) return openReactions(row, message), true;
    const item = items(message).find((one) => one && one.key && pressed(event, one.key));
    if (item) item.act();
    return Boolean(item);
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
    onKey,
    stop,
    reply: view.reply,
    jump: view.jump,
    openPicture: (attachment, message) => openPicture(store, attachment, message),
    retry: (message) => attempt(() => client.retry(message.id)),
    discard: (message) => attempt(async () => {
      await client.discard(message.id);
      store.timeline(message.conversationId ?? conversation().id).drop(message.id);
    }),
  };
}

/** The address of a message. It names the id, which stays the same for good. */
function linkTo({ conversationId, id }) {
  return `${location.origin}${location.pathname}#/c/${conversationId}/m/${id}`;
}
