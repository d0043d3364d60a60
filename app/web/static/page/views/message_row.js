// Draws one message. It is redrawn on every change, so nothing here keeps state.

import { avatarOf } from "/client/ui/avatar.js";
import { iconButton } from "/client/ui/button.js";
import { emojiName } from "../components/emoji.js";
import { icon } from "/client/ui/icons.js";
import { markIcon, markWord } from "/client/ui/mark.js";
import { fill, h } from "/client/ui/dom.js";
import { beginning, formatted } from "/client/ui/formatted.js";
import { t } from "/client/ui/language.js";
import { isBig, notSent, reactionButtons, rowClasses, timesOf } from "/client/ui/message_parts.js";
import { timeOfDay } from "/client/ui/times.js";
import { attachments } from "./attachments.js";
import { leads, roleIn } from "./roles.js";
import { foldedWords } from "./folds.js";
import { quotedIn, quoteText, shortText } from "/client/ui/system_text.js";

/**
 * @param {any} context {store, conversation, actions}
 * @param {any} message
 * @param {{first: boolean, last: boolean, mark: any}} place in a run of messages by one sender
 */
export function messageRow(context, message, { first, last, mark }) {
  const { store, conversation, actions } = context;
  const own = message.senderId === store.me.id;
  const group = conversation.kind === "group";
  const sender = store.people.get(message.senderId);
  const props = {
    class: rowClasses({ own, first, last, mark }),
    id: `m-${message.id}`,
    tabindex: "-1",
    "aria-label": label(store, message, mark),
    dataset: { id: message.id, seq: message.seq ?? "", state: mark?.state ?? "" },
  };
  return h("li.message", props,
    group && !own ? h("span.face", null, last ? avatarOf(sender) : null) : null,
    h("div.stack", null,
      bubble(context, message, { own, name: group && !own && first ? sender : null, mark }),
      reactionButtons(message, (emoji, on) => actions.react(message, emoji, on), emojiName),
      mark?.state === "failed" ? notSent(message, { retry: () => actions.retry(message), discard: () => actions.discard(message) }) : null,
      message.deletedAt || !message.seq ? null : tools(message, actions)));
}

function label(store, message, mark) {
  const what = message.deletedAt ? t("deleted message") : shortText(message.message ?? "") || t("attachment");
  return `${store.people.name(message.senderId)}, ${timeOfDay(message.sentAt)}: ${what}${mark ? `. ${markWord(mark.state)}` : ""}`;
}

function bubble(context, message, { own, name, mark }) {
  const { store, actions } = context;
  return h(isBig(message) ? "div.bubble.big" : "div.bubble", { onclick: (event) => actions.onBubble(event, message) },
    name ? h("p.sender", { class: `ink-${name.id % 8}` }, name.displayName) : null,
    message.forwarded ? h("p.forwarded", null, icon("forward"), forwardedFrom(store, message.forwarded.senderId)) : null,
    message.deletedAt ? null : quote(context, message),
    message.deletedAt ? null : attachments(store, message, actions),
    body(context, message),
    message.streaming ? growing(message, actions) : null,
    meta(message, own, mark));
}

function forwardedFrom(store, senderId) {
  return senderId === store.me.id ? t("Forwarded from you") : t("Forwarded from {name}", { name: store.people.name(senderId) });
}

function quote({ store, conversation, actions, folds, findMessage }, message) {
  const quoted = quotedIn(message, findMessage);
  if (!quoted) return null;
  if (folds.has(conversation, { ...quoted, id: message.replyTo })) return h("p.quote.folded", null, h("span.what", { dir: "auto" }, foldedWords()));
  return h("button.quote", { type: "button", class: `edge-${quoted.senderId % 8}`, onclick: () => actions.jump(quoted.seq) },
    h("span.who", null, store.people.name(quoted.senderId)), h("span.what", { dir: "auto" }, quoteText(quoted)));
}

function body({ store, conversation }, message) {
  if (message.deletedAt) return h("p.text.gone", null, t("This message was deleted"));
  if (!message.message) return null;
  const [known, short] = [namesIn(store, conversation, message), beginning(message.message)];
  return short === null ? formatted(message.message, known) : folded(message, short, known);
}

/** Shown while the message is being written. */
function growing(message, actions) {
  return h("p.growing", null, h("span.dots", { "aria-hidden": "true" }, "…"),
    h("button.link", { type: "button", onclick: () => actions.stop(message) }, t("Stop writing")));
}

const unfolded = new Set(); // ids of long messages that are shown completely

/** A long message shows its beginning, and a button for the rest. */
function folded(message, short, known) {
  const isOpen = () => unfolded.has(message.id);
  const more = h("button.link.fold", { type: "button", onclick: toggle });
  const box = h("div.long", null);
  function show() {
    more.textContent = isOpen() ? t("Show less") : t("Show more");
    more.setAttribute("aria-expanded", String(isOpen()));
    fill(box, formatted(isOpen() ? message.message : short, known), more);
  }
  function toggle() {
    if (isOpen()) unfolded.delete(message.id);
    else unfolded.add(message.id);
    show();
    more.focus();
  }
  show();
  return box;
}

function groupWords(store, conversation, { local, mentionsAll, mentionsOnline }) {
  const led = local && leads(roleIn(conversation, store.me.id));
  return [...(mentionsAll || led ? ["all"] : []), ...(mentionsOnline || led ? ["here", "online"] : [])];
}

/**
 * Returns which names are mentions in this message, and which of them mean the current user. A message that was just sent
 * from here does not list its mentions yet, so all members that it names count.
 */
function namesIn(store, conversation, message) {
  const named = new Set(message.local ? conversation.members?.map((member) => member.userId) : message.mentions);
  const words = groupWords(store, conversation, message);
  const isMember = (name) => named.has(store.people.byUsername(name)?.id);
  return {
    isName: (name) => isMember(name) || words.includes(name),
    isMe: (name) => words.includes(name) || name === store.me.username,
  };
}

function meta(message, own, mark) {
  return h("span.meta", null,
    message.starred ? h("span.starred", { title: t("Starred") }, icon("star")) : null,
    message.pinnedAt ? h("span.pinned", { title: t("Pinned") }, icon("pin")) : null,
    timesOf(message),
    own && mark && !message.deletedAt ? markIcon(mark) : null);
}

/** Reached by pointer, or by Enter on the message. They are no tab stops, because a long list would have too many. */
function tools(message, actions) {
  const quiet = { tabindex: "-1" };
  return h("div.tools", null,
    iconButton("smile", t("React"), (event) => actions.openReactions(event.currentTarget, message), quiet),
    iconButton("reply", t("Reply"), () => actions.reply(message), quiet),
    iconButton("more", t("More"), (event) => actions.openMenu(event.currentTarget, message), { ...quiet, "aria-haspopup": "menu" }));
}
