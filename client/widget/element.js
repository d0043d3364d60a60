import { loadLanguage, currentLanguage, isRightToLeft } from "../ui/language.js";
import { setServer } from "../ui/server.js";
import { Frame } from "./frame.js";
import { CATALOGUES } from "./languages.js";
import { openSession } from "./session.js";
import { styles } from "./styles.js";
import { findTarget, idOf, idText } from "./target.js";
import { TokenSource } from "./token_source.js";
import { Watch } from "./watch.js";

const RETRY_MS = 2_000;
const MAX_RETRY_MS = 60_000;
const LOOKS = ["theme", "launcher", "open"];
/** A server that renders pages imports this module too, and has no elements. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});
const HERE = import.meta.url.replace(/\/(?:assets|client\/widget)\/[^/]*$/, ""); // the server that this module came from

/**
 * `<parley-chat>`: one conversation, or the list, in a shadow root.
 *
 * Attributes that name the server, the user or the language start the widget again when they change. `conversation` and
 * `recipient` only show another conversation, and the rest only changes the look. Each start has a number, `#run`: after each
 * step, an earlier start finds a higher number and stops.
 */
export class ParleyChat extends Base {
  static observedAttributes = ["server", "conversation", "recipient", "token-url", "token", "lang", ...LOOKS];
  #frame;
  #source = new TokenSource({ url: null, ask: () => {} });
  /** @type {any} */ #session = null;
  /** @type {Watch | null} */ #watch = null;
  #token = "";
  #run = 0;
  #tries = 0;
  #planned = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles()];
    this.#frame = new Frame(root, { setOpen: (open) => (this.open = open), retry: () => this.#plan("begin") });
  }

  connectedCallback() {
    this.#plan("begin");
  }

  disconnectedCallback() {
    this.#plan("begin");
  }

  /** @param {string} name @param {string | null} old @param {string | null} value */
  attributeChangedCallback(name, old, value) {
    if (old === value) return;
    if (name === "token") this.token = value ?? "";
    else if (LOOKS.includes(name)) this.#frame.look(this);
    else this.#plan(name === "conversation" || name === "recipient" ? "show" : "begin");
  }

  /** Parley's id of the conversation as a number, or the host's as a string. */
  get conversation() {
    return idOf(this.getAttribute("conversation"));
  }

  set conversation(id) {
    this.#setId("conversation", id);
  }

  /** The id of the user to write to: a number or a string, as for `conversation`. */
  get recipient() {
    return idOf(this.getAttribute("recipient"));
  }

  set recipient(id) {
    this.#setId("recipient", id);
  }

  get open() {
    return this.hasAttribute("open");
  }

  set open(open) {
    this.toggleAttribute("open", open);
  }

  get token() {
    return this.#token;
  }

  /** A new access token of the same user; the property keeps it out of the document. */
  set token(token) {
    this.#token = token;
    if (token && !this.#source.give(token) && !this.#session) this.#plan("begin");
  }

  /** @param {string} name @param {number | string | null} id */
  #setId(name, id) {
    if (id === null || id === undefined) this.removeAttribute(name);
    else this.setAttribute(name, idText(id));
  }

  /** Attributes often change together, so the work is done once, after this turn. @param {"begin" | "show"} what */
  #plan(what) {
    if (!this.#planned) queueMicrotask(() => this.#act());
    if (this.#planned !== "begin") this.#planned = what;
  }

  #act() {
    const what = this.#planned;
    this.#planned = "";
    if (what === "show" && this.#session) return void this.#show(this.#session, this.#run).catch((error) => this.#fail(error));
    this.#end();
    if (this.isConnected) void this.#begin(++this.#run);
  }

  /** @param {number} run */
  async #begin(run) {
    const server = new URL(this.getAttribute("server") ?? HERE, document.baseURI).href.replace(/\/$/, "");
    this.#source = new TokenSource({ url: this.getAttribute("token-url"), ask: () => this.#emit("parley-token-needed", {}) });
    if (this.#token) this.#source.give(this.#token);
    await loadLanguage(CATALOGUES, this.#languages(), [...this.#languages(), ...navigator.languages]);
    if (run !== this.#run) return;
    this.#frame.begin(this, isRightToLeft());
    try {
      const otherUser = () => run === this.#run && this.#plan("begin");
      const session = await openSession({ server, source: this.#source, language: currentLanguage(), otherUser });
      if (run !== this.#run) return session.client.close();
      setServer(server);
      this.#session = session;
      session.client.on("signed_out", () => run === this.#run && this.#fail({ code: "unauthorized" }));
      await this.#show(session, run);
    } catch (error) {
      if (run === this.#run) this.#fail(error);
    }
  }

  /** Shows the conversation that the attributes name, or the list. @param {any} session @param {number} run */
  async #show(session, run) {
    const wanted = { conversation: this.conversation, recipient: this.recipient };
    this.#watch?.end();
    this.#watch = null;
    this.#frame.wait();
    const found = await findTarget(session.store, wanted);
    if (run !== this.#run || wanted.conversation !== this.conversation || wanted.recipient !== this.recipient) return;
    this.#tries = 0;
    this.#watch = new Watch(session.store, found?.id ?? null, (name, detail) => this.#emit(name, detail));
    this.#watch.onCount = (count) => this.#frame.count(count);
    this.#frame.show(session, found?.id ?? null);
    this.#watch.begin();
    this.#emit("parley-ready", { userId: session.client.me.id, ...(found && { conversationId: found.id }) });
  }

  /** @param {any} error */
  #fail(error) {
    const code = error?.code ?? "internal";
    if (!error?.code) reportError(error);
    this.#end();
    this.#frame.fail(error);
    this.#emit("parley-error", { code });
    if (code !== "network" && code !== "overloaded" && code !== "rate_limited") return;
    const wait = Math.min(RETRY_MS * 2 ** this.#tries, MAX_RETRY_MS) * (0.5 + Math.random() / 2);
    this.#tries += 1;
    this.#retry = setTimeout(() => this.#plan("begin"), Math.max(wait, (error.retryAfter ?? 0) * 1000));
  }

  #end() {
    this.#run += 1;
    clearTimeout(this.#retry);
    this.#watch?.end();
    this.#frame.clear();
    this.#session?.client.close();
    this.#session = this.#watch = null;
  }

  /** The language of this element or of an element around it, or else those of the browser. */
  #languages() {
    const lang = this.closest("[lang]")?.getAttribute("lang");
    return lang ? [lang] : navigator.languages;
  }

  /** @param {string} name @param {any} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}
