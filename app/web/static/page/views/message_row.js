// Draws one message. It is redrawn on every change, so nothing here keeps state.

import { avatarOf } from "../components/avatar.js";
import { iconButton } from "../components/button.js";
import { emojiName } from "../components/emoji.js";
import { icon } from "../components/icons.js";
import { markIcon } from "../components/mark.js";
import { h } from "../lib/dom.js";
import { isBigEmoji, richText } from "../lib/text.js";
import { exactly, timeOfDay } from "../lib/times.js";
import { sentence } from "../lib/words.js";
import { MARK_WORDS } from "../store/marks.js";
import { attachments } from "./attachments.js";

/**
 * @param {any} context {store, conversation, actions}
 * @param {any} message
 * @param {{first: boolean, last: boolean, mark: any, selected?: boolean}} place its place in a run of messages by one sender
 */
export function messageRow(context, message, { first, last, mark }) {
  const { store, conversation, actions } = context;
  const own = message.senderId === store.me.id;
  const group = conversation.kind === "group";
  const sender = store.people.get(message.senderId);
  const kinds = `${own ? "own" : "theirs"}${first ? " first" : ""}${last ? " last" : ""}${mark?.state === "failed" ? " failed" : ""}`;
  const props = {
    class: kinds,
    id: `m-${message.id}`,
    tabindex: "-1",
    "aria-label": label(store, message, mark),
    dataset: { id: message.id, seq: message.seq ?? "", state: mark?.state ?? "" },
  };
  return h("li.message", props,
    group && !own ? h("span.face", null, last ? avatarOf(sender) : null) : null,
    h("div.stack", null,
      bubble(context, message, { own, name: group && !own && first ? sender : null, mark }),
      reactions(message, actions),
      mark?.state === "failed" ? failed(message, actions) : null,
      message.deletedAt || !message.seq ? null : tools(message, actions)));
}

function label(store, message, mark) {
  const what = message.deletedAt ? "deleted message" : message.message || "attachment";
  return `${store.people.name(message.senderId)}, ${timeOfDay(message.sentAt)}: ${what}${mark ? `. ${MARK_WORDS[mark.state]}` : ""}`;
}

function bubble(context, message, { own, name, mark }) {
  const { store, actions } = context;
  const big = !message.deletedAt && !message.attachments?.length && !message.quoted && isBigEmoji(message.message ?? "");
  return h(big ? "div.bubble.big" : "div.bubble", { onclick: (event) => actions.onBubble(event, message) },
    name ? h("p.sender", { class: `ink-${name.id % 8}` }, name.displayName) : null,
    message.forwarded ? h("p.forwarded", null, icon("forward"), `Forwarded from ${store.people.name(message.forwarded.senderId)}`) : null,
    message.deletedAt ? null : quote(context, message),
    message.deletedAt ? null : attachments(store, message, actions),
    body(store, message),
    meta(message, own, mark));
}

function quote({ store, actions, findMessage }, message) {
  const quoted = message.quoted ?? (message.replyTo ? findMessage(message.replyTo) : null);
  if (!quoted) return null;
  const text = quoted.message ?? (quoted.deletedAt || message.quoted ? "Deleted message" : "Attachment");
  return h("button.quote", { type: "button", class: `edge-${quoted.senderId % 8}`, onclick: () => actions.jump(quoted.seq) },
    h("span.who", null, store.people.name(quoted.senderId)), h("span.what", null, text));
}

function body(store, message) {
  if (message.deletedAt) return h("p.text.gone", null, "This message was deleted");
  if (!message.message) return null;
  const named = new Set(message.mentions ?? []);
  const isName = (name) => named.has(store.people.byUsername(name)?.id);
  return h("p.text", { dir: "auto" }, richText(message.message, { isName, self: store.me.username }));
}

function meta(message, own, mark) {
  return h("span.meta", null,
    message.starred ? h("span.starred", { title: "Starred" }, icon("star")) : null,
    message.pinnedAt ? h("span.pinned", { title: "Pinned" }, icon("pin")) : null,
    message.editedAt && !message.deletedAt ? h("span", { title: `Edited ${exactly(message.editedAt)}` }, "edited") : null,
    h("time", { datetime: message.sentAt, title: exactly(message.sentAt) }, timeOfDay(message.sentAt)),
    own && mark && !message.deletedAt ? markIcon(mark) : null);
}

function reactions(message, actions) {
  const shown = message.deletedAt ? [] : message.reactions ?? [];
  if (!shown.length) return null;
  return h("div.reactions", null, shown.map(({ emoji, count, mine }) => {
    const words = `${emojiName(emoji)}, ${count}${mine ? ", including yours" : ""}`;
    const act = () => actions.react(message, emoji, !mine);
    return h("button.reaction", { type: "button", class: mine ? "mine" : "", "aria-pressed": String(mine), "aria-label": words, onclick: act },
      h("span", null, emoji), count > 1 ? h("span.count", null, String(count)) : null);
  }));
}

function failed(message, actions) {
  const why = message.error ? sentence(message.error) : "This message was not sent.";
  return h("div.not-sent", { role: "alert" }, h("span", null, why),
    h("button.link", { type: "button", onclick: () => actions.retry(message) }, "Try again"),
    h("button.link", { type: "button", onclick: () => actions.discard(message) }, "Delete"));
}

/** Reached by pointer, or by Enter on the message. They are no tab stops, because a long list would have too many. */
function tools(message, actions) {
  const quiet = { tabindex: "-1" };
  return h("div.tools", null,
    iconButton("smile", "React", (event) => actions.openReactions(event.currentTarget, message), quiet),
    iconButton("reply", "Reply", () => actions.reply(message), quiet),
    iconButton("more", "More", (event) => actions.openMenu(event.currentTarget, message), { ...quiet, "aria-haspopup": "menu" }));
}
