// The signed-in page: the list, the open conversation, and the side panel. The address selects them:
// #/ the list, #/c/12 a conversation, #/c/12/m/345 a message in it by its seq or id, #/invite/code a link into a group, #/share what
// another app shares.

import { closeDialogs } from "../components/dialog.js";
import { empty } from "/client/ui/empty.js";
import { later } from "../components/later.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { isComposing } from "/client/ui/input_method.js";
import { t } from "/client/ui/language.js";
import { WaitingRequests } from "../lib/waiting_requests.js";
import { connectionLine } from "./connection.js";
import { ConversationView } from "./conversation.js";
import { isFolded } from "./folds.js";
import { installNotices } from "./notices.js";
import { followShortcut } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";

const PANEL_COVERS = "(max-width: 60rem)"; // as in 3-shell.css

export class Shell {
  route = { conversationId: null };
  blocked = new Set();
  hidesBlocked = false; // the setting: whether messages of blocked people are folded in groups
  #sidebar;
  #onSignOut;
  #onDeleteAccount;
  #view = null;
  #panel = null;
  /** @type {Element | null} */ #opener = null; // of the panel; gets the focus back
  #given = null;
  #main = h("div.main", { tabindex: "-1" });
  #side = h("div.side");

  constructor(store, { onSignOut, onDeleteAccount }) {
    this.store = store;
    this.#onDeleteAccount = onDeleteAccount;
    this.#onSignOut = onSignOut;
    store.isFolded = (conversation, senderId) => isFolded(this, conversation, senderId);
    this.requests = new WaitingRequests(store);
    this.#sidebar = new Sidebar(this);
    this.element = h("div.shell", null, connectionLine(store), h("main.both", null, this.#sidebar.element, this.#main), this.#side);
    window.addEventListener("hashchange", () => {
      closeDialogs(); // Back leaves the conversation below them
      this.#follow();
    });
    document.addEventListener("keydown", (event) => this.#onKey(event));
    installNotices(this);
    this.#follow();
    this.#loadBlocked();
    store.client.on("open_conversation", ({ conversationId }) => this.open(conversationId));
  }

  go(hash) {
    if (location.hash === hash) this.#follow();
    else location.hash = hash;
  }

  open(conversationId, seq) {
    if (seq && this.route.conversationId === conversationId) {
      if (matchMedia(PANEL_COVERS).matches) this.closePanel();
      return this.#view.show(seq);
    }
    return this.go(seq ? `#/c/${conversationId}/m/${seq}` : `#/c/${conversationId}`);
  }

  /** Opens a conversation and puts a text and files into its message field. */
  give(conversationId, content) {
    this.#given = { conversationId, ...content };
    this.open(conversationId);
  }

  /** Returns the text and files that were given to this conversation, once. */
  takeGiven(conversationId) {
    const given = this.#given?.conversationId === conversationId ? this.#given : null;
    if (given) this.#given = null;
    return given;
  }

  /** Rejects if the server refuses to open it. */
  async openDirect(userId) {
    const { conversations, client } = this.store;
    const conversation = conversations.directWith(userId) ?? conversations.put(await client.openDirect(userId));
    this.open(conversation.id);
  }

  /** The open conversation, or null. */
  get view() {
    return this.#view;
  }

  focusSearch() {
    this.#sidebar.focusSearch();
  }

  searchHere() {
    if (this.route.conversationId) this.searchIn(this.route.conversationId);
  }

  /** Opens the next (1) or previous (-1) conversation of the list. @param {1 | -1} by @param {boolean} [unread] only unread ones */
  step(by, unread = false) {
    const list = this.store.conversations.list();
    const at = list.findIndex((one) => one.id === this.route.conversationId);
    const others = at < 0 ? list : [...list.slice(at + 1), ...list.slice(0, at)]; // those after the open one first
    const next = (by > 0 ? others : others.reverse()).find((one) => !unread || one.unread > 0);
    if (next) this.open(next.id);
  }

  openSettings() {
    return later(import("./settings.js"), ({ openSettings }) => openSettings(this));
  }

  toggleDetails() {
    const { conversationId } = this.route;
    if (this.#panel?.isDetails) return this.closePanel();
    if (!conversationId) return undefined;
    return later(import("./details.js"), ({ Details }) => this.#showPanel(Details, conversationId));
  }

  searchIn(conversationId) {
    return later(import("./search_panel.js"), ({ SearchPanel }) => this.#showPanel(SearchPanel, conversationId));
  }

  showMedia(conversationId) {
    return later(import("./media_panel.js"), ({ MediaPanel }) => this.#showPanel(MediaPanel, conversationId));
  }

  /** Shows a panel, unless the user has gone to another conversation while it was loaded. */
  #showPanel(Panel, conversationId) {
    if (this.route.conversationId !== conversationId) return;
    const opener = this.#side.contains(document.activeElement) ? this.#opener : document.activeElement;
    const panel = new Panel(this, conversationId);
    this.#setPanel(panel);
    this.#opener = opener;
    panel.element.tabIndex = -1;
    if (panel.focus) panel.focus();
    else panel.element.focus({ preventScroll: true });
  }

  closePanel() {
    const focused = this.#side.contains(document.activeElement);
    this.#panel?.close();
    this.#panel = null;
    fill(this.#side);
    this.element.classList.remove("with-panel");
    if (focused && this.#opener?.isConnected) /** @type {HTMLElement} */ (this.#opener).focus({ preventScroll: true });
  }

  async setBlocked(userId, on) {
    const { client, topics } = this.store;
    try {
      await (on ? client.block(userId) : client.unblock(userId));
      if (on) this.blocked.add(userId);
      else this.blocked.delete(userId);
      topics.changed("blocks");
      toast(on ? t("Blocked") : t("Unblocked"));
    } catch (error) {
      toastError(error);
    }
  }

  signOut() {
    return this.#onSignOut();
  }

  /** Rejects if the password is wrong. @param {string} [password] */
  deleteAccount(password) {
    return this.#onDeleteAccount(password);
  }

  #setPanel(panel) {
    this.closePanel();
    this.#panel = panel;
    fill(this.#side, panel.element);
    this.element.classList.add("with-panel");
  }

  async #loadBlocked() {
    try {
      const found = await this.store.client.blocks();
      const users = found.users ?? found;
      this.store.people.put(...users);
      this.blocked = new Set(users.map((user) => user.id));
      if (users.length) this.hidesBlocked = (await this.store.client.request("GET", "/me")).hideBlockedMessages;
      this.store.topics.changed("blocks");
    } catch {
      // The next page load fetches the blocked users again; the server enforces blocks anyway.
    }
  }

  #follow() {
    const [, noticed] = location.hash.match(/^#conversation=(\d+)$/) ?? []; // the service worker opens a notification's conversation
    if (noticed) history.replaceState(null, "", `#/c/${noticed}`);
    const [, kind, what, place] = location.hash.match(/^#\/(c|invite)\/([^/]+)(?:\/(?:m\/)?([\w-]+))?$/) ?? [];
    const id = kind === "c" ? Number(what) : null;
    this.closePanel();
    this.#view?.close();
    this.#view = null;
    this.route = { conversationId: id };
    this.element.classList.toggle("conversing", id !== null);
    if (id !== null) {
      this.#view = new ConversationView(this, id);
      fill(this.#main, this.#view.element);
      this.#view.open(/^\d+$/.test(place) ? Number(place) : place);
    } else {
      fill(this.#main, empty("write", t("Choose a conversation"), t("Or find someone by name and send them a message.")));
    }
    this.store.topics.changed("route");
    if (location.hash === "#/share") later(import("./share.js"), ({ takeShare }) => takeShare(this));
    if (kind === "invite") later(import("./group_admin.js"), ({ followInvite }) => followInvite(this, what));
    if (id === null && document.activeElement === document.body) this.#main.focus({ preventScroll: true });
  }

  /** The shortcuts; Escape closes the side panel. */
  #onKey(event) {
    if (event.defaultPrevented || isComposing(event) || followShortcut(this, event)) return;
    if (event.key === "Escape" && this.#panel && !document.querySelector("dialog[open]")) {
      this.closePanel();
    }
  }
}
