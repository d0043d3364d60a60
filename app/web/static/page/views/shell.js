// The signed-in page: the list, the open conversation, and the side panel. The address selects them:
// #/ the list, #/c/12 a conversation, #/c/12/345 a message in it, #/invite/code a link into a group.

import { empty } from "../components/empty.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { connectionLine } from "./connection.js";
import { ConversationView } from "./conversation.js";
import { Details } from "./details.js";
import { followInvite } from "./group_admin.js";
import { installNotices } from "./notices.js";
import { SearchPanel } from "./search_panel.js";
import { openSettings } from "./settings.js";
import { Sidebar } from "./sidebar.js";

const PANEL_COVERS = "(max-width: 60rem)"; // as in 3-shell.css

export class Shell {
  route = { conversationId: null };
  blocked = new Set();
  #sidebar;
  #onSignOut;
  #onDeleteAccount;
  #view = null;
  #panel = null;
  #main = h("div.main", { tabindex: "-1" });
  #side = h("div.side");

  constructor(store, { onSignOut, onDeleteAccount }) {
    this.store = store;
    this.#onDeleteAccount = onDeleteAccount;
    this.#onSignOut = onSignOut;
    this.#sidebar = new Sidebar(this);
    this.element = h("div.shell", null, connectionLine(store), h("main.both", null, this.#sidebar.element, this.#main), this.#side);
    window.addEventListener("hashchange", () => this.#follow());
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
    return this.go(seq ? `#/c/${conversationId}/${seq}` : `#/c/${conversationId}`);
  }

  /** Rejects if the server refuses to open it. */
  async openDirect(userId) {
    const { conversations, client } = this.store;
    const conversation = conversations.directWith(userId) ?? conversations.put(await client.openDirect(userId));
    this.open(conversation.id);
  }

  openSettings() {
    return openSettings(this);
  }

  toggleDetails() {
    if (this.#panel instanceof Details) this.closePanel();
    else if (this.route.conversationId) this.#setPanel(new Details(this, this.route.conversationId));
  }

  searchIn(conversationId) {
    const panel = new SearchPanel(this, conversationId);
    this.#setPanel(panel);
    panel.focus();
  }

  closePanel() {
    this.#panel?.close();
    this.#panel = null;
    fill(this.#side);
    this.element.classList.remove("with-panel");
  }

  async setBlocked(userId, on) {
    const { client, topics } = this.store;
    try {
      await (on ? client.block(userId) : client.unblock(userId));
      if (on) this.blocked.add(userId);
      else this.blocked.delete(userId);
      topics.changed("blocks");
      toast(on ? "Blocked" : "Unblocked");
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
      this.store.topics.changed("blocks");
    } catch {
      // The next page load fetches the blocked users again; the server enforces blocks anyway.
    }
  }

  #follow() {
    const [, kind, what, seq] = location.hash.match(/^#\/(c|invite)\/([^/]+)(?:\/(\d+))?$/) ?? [];
    const id = kind === "c" ? Number(what) : null;
    this.closePanel();
    this.#view?.close();
    this.#view = null;
    this.route = { conversationId: id };
    this.element.classList.toggle("conversing", id !== null);
    if (id !== null) {
      this.#view = new ConversationView(this, id);
      fill(this.#main, this.#view.element);
      this.#view.open(seq ? Number(seq) : undefined);
    } else {
      fill(this.#main, empty("write", "Choose a conversation", "Or find someone by name and send them a message."));
    }
    this.store.topics.changed("route");
    if (kind === "invite") followInvite(this, what);
  }

  /** Ctrl+K (or ⌘K) searches; Escape closes the side panel. */
  #onKey(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.#sidebar.focusSearch();
    } else if (event.key === "Escape" && this.#panel && !document.querySelector("dialog")) {
      this.closePanel();
    }
  }
}
