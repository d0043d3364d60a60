// The look of the widget. A host changes it by the custom properties that begin with --parley-, on the element.
//
// A constructed style sheet works under every Content-Security-Policy, which <style> and style="" do not.

const LIGHT = `
  color-scheme: light;
  --page: var(--parley-background, #f6f4f0); --pane: var(--parley-pane, #fdfcfa); --raised: var(--parley-raised, #ffffff); --sunk: var(--parley-sunk, #efece6);
  --line: var(--parley-line, #e4e0d8); --text: var(--parley-text, #22252a); --quiet: var(--parley-quiet-text, #62666f);
  --accent: var(--parley-accent, #2a6586); --on-accent: var(--parley-on-accent, #ffffff); --tint: var(--parley-tint, #e3eef4);
  --own: var(--parley-own, #2d6a8c); --own-text: var(--parley-own-text, #ffffff); --own-quiet: var(--parley-own-quiet-text, #dcebf4); --theirs: var(--parley-theirs, #ffffff);
  --danger: var(--parley-danger, #b03a34); --good: #2f8f5b; --warn-tint: #fff3d6; --warn-text: #6b4a05; --mark: #ffe69a;
  --shadow: 0 1px 2px rgb(40 36 28 / 7%); --float: 0 8px 30px rgb(40 36 28 / 22%), 0 0 0 1px rgb(40 36 28 / 6%);
  --hue-0: #9a4237; --hue-1: #7d5110; --hue-2: #4b6425; --hue-3: #27664e; --hue-4: #256276; --hue-5: #43599d; --hue-6: #724893; --hue-7: #91396a;`;

const DARK = `
  color-scheme: dark;
  --page: var(--parley-background, #111418); --pane: var(--parley-pane, #171b20); --raised: var(--parley-raised, #20252c); --sunk: var(--parley-sunk, #0d1013);
  --line: var(--parley-line, #2b3139); --text: var(--parley-text, #e4e6ea); --quiet: var(--parley-quiet-text, #9ba2ad);
  --accent: var(--parley-accent, #8cc3e3); --on-accent: var(--parley-on-accent, #0d2331); --tint: var(--parley-tint, #20323f);
  --own: var(--parley-own, #255873); --own-text: var(--parley-own-text, #f2f7fa); --own-quiet: var(--parley-own-quiet-text, #c3d8e5); --theirs: var(--parley-theirs, #22272e);
  --danger: var(--parley-danger, #f08a80); --good: #5fc48d; --warn-tint: #3a3118; --warn-text: #f0d48c; --mark: #6a5713;
  --shadow: 0 1px 2px rgb(0 0 0 / 30%); --float: 0 10px 34px rgb(0 0 0 / 55%), 0 0 0 1px rgb(255 255 255 / 7%);
  --hue-0: #e5958a; --hue-1: #d9ae6c; --hue-2: #abc67c; --hue-3: #7fc6a7; --hue-4: #83c3d9; --hue-5: #a3b5ee; --hue-6: #c9a5e8; --hue-7: #e79fc4;`;

const hues = [0, 1, 2, 3, 4, 5, 6, 7].map((one) => `.hue-${one} { --hue: var(--hue-${one}); } .ink-${one} { color: var(--hue-${one}); }`).join("\n");

const BASE = `
:host { display: block; height: var(--parley-height, 520px); min-height: 0; }
:host([launcher]) { display: contents; }
:host([hidden]) { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
.parley { ${LIGHT}
  height: 100%; color: var(--text); font: 15px/1.45 var(--parley-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif);
  text-align: start; letter-spacing: normal; word-spacing: normal; text-transform: none; text-indent: 0; white-space: normal;
}
@media (prefers-color-scheme: dark) { .parley:not([data-theme="light"]) { ${DARK} } }
.parley[data-theme="dark"] { ${DARK} }
${hues}
h2, p, ul, ol { margin: 0; padding: 0; font-weight: inherit; font-size: inherit; }
ul, ol { list-style: none; }
button, textarea { font: inherit; color: inherit; }
button { border: 0; padding: 0; background: none; cursor: pointer; text-align: inherit; }
button:disabled { cursor: default; opacity: 0.45; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.grow { flex: 1; }
.icon { width: 1.35em; height: 1.35em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
[dir="rtl"] .icon.pointing { scale: -1 1; }
.button { padding: 0.5rem 1rem; border-radius: 10px; font-weight: 560; background: var(--line); color: var(--text); text-align: center; }
.link { color: var(--accent); text-decoration: underline; text-underline-offset: 2px; }
.icon-button { display: grid; place-items: center; flex: none; width: 38px; height: 38px; border-radius: 50%; color: var(--quiet); }
.icon-button:hover:not(:disabled) { background: var(--sunk); color: var(--text); }
.avatar { position: relative; display: grid; place-items: center; flex: none; width: 40px; height: 40px; border-radius: 50%; font-weight: 600; font-size: 0.9rem; user-select: none; background: color-mix(in srgb, var(--hue) 18%, var(--raised)); color: var(--hue); }
.avatar img { position: absolute; inset: 0; width: 100%; height: 100%; border-radius: 50%; object-fit: cover; }
.avatar .dot { position: absolute; inset-inline-end: 0; bottom: 0; width: 12px; height: 12px; border-radius: 50%; background: var(--good); border: 2px solid var(--pane); }
.spinner { width: 26px; height: 26px; margin: 1.5rem auto; border-radius: 50%; border: 3px solid var(--line); border-top-color: var(--accent); animation: turn 0.9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
.empty { display: grid; justify-items: center; gap: 0.6rem; max-width: 22rem; margin: auto; padding: 2rem 1.25rem; text-align: center; color: var(--quiet); }
.empty > .icon { width: 36px; height: 36px; stroke-width: 1.4; opacity: 0.7; }
.empty .title { font-weight: 600; color: var(--text); }
.badge { flex: none; min-width: 20px; padding: 0 6px; border-radius: 10px; background: var(--accent); color: var(--on-accent); font-size: 0.75rem; font-weight: 650; line-height: 20px; text-align: center; }
.badge.quiet { background: var(--sunk); color: var(--quiet); }
@media (hover: none) { textarea { font-size: 16px; } .more { opacity: 0.6 !important; } }
@media (prefers-reduced-motion: reduce) { .spinner { animation-duration: 3s; } }
`;

const FRAME = `
.panel { display: flex; flex-direction: column; height: 100%; min-height: 0; overflow: hidden; background: var(--page); border: 1px solid var(--line); border-radius: var(--parley-radius, 14px); }
.floating { height: auto; }
.floating .panel { position: fixed; z-index: var(--parley-z-index, 2147483000); inset-block-end: 92px; inset-inline-end: 20px; width: min(var(--parley-width, 380px), calc(100vw - 40px)); height: min(var(--parley-height, 600px), calc(100dvh - 112px)); border: 0; box-shadow: var(--float); }
.launcher { position: fixed; z-index: var(--parley-z-index, 2147483000); inset-block-end: 20px; inset-inline-end: 20px; display: grid; place-items: center; width: 58px; height: 58px; border-radius: 50%; background: var(--accent); color: var(--on-accent); box-shadow: var(--float); font-size: 1.3rem; }
.launcher:focus-visible { outline-offset: 3px; }
.launcher .badge { position: absolute; top: -4px; inset-inline-end: -4px; background: var(--danger); color: var(--pane); font-size: 0.75rem; }
.head { display: flex; align-items: center; gap: 6px; flex: none; min-height: 56px; padding: 7px 10px; background: var(--pane); border-bottom: 1px solid var(--line); }
.head h2 { font-weight: 620; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.list .head { padding-inline-start: 16px; }
.about { display: flex; align-items: center; gap: 10px; flex: 1; min-width: 0; padding-inline: 4px; }
.about .words { display: grid; min-width: 0; }
.subtitle { color: var(--quiet); font-size: 0.84rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.connection { flex: none; background: var(--warn-tint); color: var(--warn-text); font-size: 0.86rem; text-align: center; }
.connection:not(:empty) { padding: 6px 14px; }
.conversation, .list { display: flex; flex-direction: column; flex: 1; min-height: 0; min-width: 0; }
.list .scroller { flex: 1; overflow-y: auto; min-height: 0; overscroll-behavior: contain; background: var(--pane); outline: none; }
.rows { padding: 6px; }
.conversation-row { display: flex; align-items: center; gap: 12px; width: 100%; padding: 9px 10px; border-radius: 12px; text-align: start; }
.conversation-row:hover { background: var(--sunk); }
.conversation-row:focus-visible { outline-offset: -2px; }
.conversation-row .words { flex: 1; display: grid; gap: 1px; min-width: 0; }
.top, .bottom { display: flex; align-items: center; gap: 6px; min-width: 0; }
.name { font-weight: 560; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: match-parent; }
.when { margin-inline-start: auto; flex: none; color: var(--quiet); font-size: 0.78rem; }
.bottom { color: var(--quiet); font-size: 0.9rem; }
.bottom .line { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: match-parent; }
.unread .when { color: var(--accent); font-weight: 600; }
@media (max-width: 480px) {
  .floating .panel { inset: 0; width: 100%; height: 100%; border-radius: 0; }
  .floating .panel:not([hidden]) + .launcher { display: none; }
}
`;

const MESSAGES = `
.messages { position: relative; flex: 1; min-height: 0; display: grid; grid-template-columns: minmax(0, 1fr); }
.messages .scroller { overflow: hidden auto; overflow-anchor: none; overscroll-behavior: contain; padding: 12px 12px 8px; }
.messages .scroller:focus-visible { outline-offset: -3px; }
.messages .scroller > ol { display: flex; flex-direction: column; min-height: 100%; justify-content: flex-end; }
.message { position: relative; display: flex; align-items: flex-end; gap: 8px; margin-top: 2px; }
.message.first { margin-top: 10px; }
.message.own { flex-direction: row-reverse; }
.face { width: 28px; flex: none; }
.face .avatar { width: 28px; height: 28px; font-size: 0.68rem; }
.stack { display: flex; flex-direction: column; align-items: flex-start; min-width: 0; max-width: min(82%, 520px); }
.own .stack { align-items: flex-end; }
.bubble { position: relative; display: flow-root; max-width: 100%; padding: 7px 12px; border-radius: 16px; background: var(--theirs); box-shadow: var(--shadow); overflow-wrap: anywhere; unicode-bidi: plaintext; }
.theirs.last .bubble { border-end-start-radius: 5px; }
.own .bubble { background: var(--own); color: var(--own-text); }
.own.last .bubble { border-end-end-radius: 5px; }
.own.failed .bubble { opacity: 0.75; }
.sender { font-size: 0.84rem; font-weight: 620; }
.text { display: inline; white-space: pre-wrap; unicode-bidi: plaintext; }
.text.blocks { display: block; white-space: normal; }
.text.blocks > * + * { margin-top: 5px; }
.text.blocks p, .text li { white-space: pre-wrap; }
.text ul, .text ol { padding-inline-start: 1.6em; list-style: disc; }
.text ol { list-style: decimal; }
.text code { padding: 1px 4px; border-radius: 5px; background: color-mix(in srgb, currentColor 10%, transparent); font: 0.9em/1.4 ui-monospace, Menlo, Consolas, monospace; }
.text pre { margin: 0; padding: 7px 10px; border-radius: 8px; background: color-mix(in srgb, currentColor 10%, transparent); white-space: pre-wrap; }
.text pre code { padding: 0; background: none; }
.text blockquote { margin: 0; padding-inline-start: 9px; border-inline-start: 3px solid color-mix(in srgb, currentColor 40%, transparent); }
.text.gone { font-style: italic; }
.text .host { opacity: 0.8; font-size: 0.86em; }
.bubble a { color: inherit; text-decoration: underline; text-underline-offset: 2px; }
.theirs .bubble a, .mention { color: var(--accent); }
.mention { font-weight: 600; }
.own .mention { color: inherit; }
.theirs .mention.me { padding: 0 3px; border-radius: 4px; background: var(--mark); color: var(--text); }
.bubble.big { display: flex; flex-wrap: wrap; align-items: flex-end; background: none; box-shadow: none; padding-inline: 2px; color: var(--text); }
.bubble.big .sender { flex-basis: 100%; }
.bubble.big .text { font-size: 2.4rem; line-height: 1.2; }
.bubble .meta { float: inline-end; display: inline-flex; align-items: center; gap: 4px; margin-block: 5px -2px; margin-inline: 12px -3px; font-size: 0.72rem; line-height: 1.3; color: var(--quiet); user-select: none; }
.own .bubble:not(.big) .meta { color: var(--own-quiet); }
.meta .icon { width: 16px; height: 16px; }
.mark { display: inline-flex; }
.own .bubble:not(.big) .mark.read { color: #8fe0ff; }
.quote { display: grid; width: 100%; margin: 2px 0 5px; padding: 4px 10px; border-radius: 8px; border-inline-start: 3px solid currentColor; background: color-mix(in srgb, currentColor 8%, transparent); font-size: 0.88rem; overflow: hidden; }
.quote .who { font-weight: 600; }
.quote .what { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: match-parent; }
.reactions { position: relative; display: flex; flex-wrap: wrap; gap: 4px; margin-top: -5px; padding: 0 8px; }
.reaction { display: inline-flex; align-items: center; gap: 4px; padding: 1px 7px; border-radius: 14px; background: var(--raised); border: 1px solid var(--line); font-size: 0.86rem; }
.reaction.mine { background: var(--tint); border-color: var(--accent); }
.reaction .count { font-size: 0.78rem; font-weight: 600; color: var(--quiet); }
.more { align-self: center; width: 28px; height: 28px; opacity: 0; }
.message:hover .more, .more:focus-visible, .more[aria-expanded="true"] { opacity: 1; }
.acts { display: flex; flex-wrap: wrap; align-items: center; margin-top: 2px; padding: 2px 6px; border-radius: 20px; background: var(--raised); box-shadow: var(--float); }
.quick { width: 34px; height: 34px; border-radius: 50%; text-align: center; font-size: 1.15rem; }
.quick:hover, .quick[aria-pressed="true"] { background: var(--tint); }
.above { display: flex; align-items: center; gap: 8px; padding-inline-start: 10px; color: var(--quiet); }
.not-sent { display: flex; flex-wrap: wrap; gap: 4px 10px; padding: 4px 6px; font-size: 0.82rem; color: var(--danger); }
.day, .notice, .start, .divider, .waiting { display: flex; justify-content: center; margin: 12px 0 8px; color: var(--quiet); font-size: 0.8rem; text-align: center; }
.day span, .notice span { min-width: 0; padding: 2px 12px; border-radius: 12px; background: var(--sunk); overflow-wrap: anywhere; }
.day { font-weight: 600; }
.notice { margin: 6px 0; }
.start { flex-direction: column; align-items: center; gap: 6px; padding: 20px 0; font-size: 0.9rem; }
.start .icon { width: 28px; height: 28px; stroke-width: 1.4; }
.divider { align-items: center; gap: 12px; color: var(--accent); font-weight: 600; }
.divider::before, .divider::after { content: ""; flex: 1; height: 1px; background: color-mix(in srgb, var(--accent) 35%, transparent); }
.waiting { margin: auto; }
.jump { position: absolute; inset-inline-end: 14px; bottom: 12px; background: var(--raised); box-shadow: var(--float); }
.attachments { display: grid; justify-items: start; gap: 6px; margin: 2px -5px 4px; }
.opener { max-width: 100%; border-radius: 12px; }
.picture { display: block; max-width: 100%; border-radius: 12px; overflow: hidden; background: var(--sunk); }
.picture img { display: block; width: 100%; height: 100%; object-fit: cover; }
.attachments :is(video, audio) { max-width: 100%; border-radius: 12px; }
.file { display: flex; align-items: center; gap: 10px; max-width: 100%; padding: 8px 12px; border-radius: 12px; background: color-mix(in srgb, currentColor 8%, transparent); }
.file .words { display: grid; min-width: 0; }
.file .detail { font-size: 0.85rem; }
.composer { flex: none; padding-block: 6px max(8px, env(safe-area-inset-bottom)); padding-inline: 10px; }
.composer .row { display: flex; align-items: flex-end; gap: 2px; padding: 3px; border-radius: 22px; background: var(--raised); border: 1px solid var(--line); }
.composer .row:focus-within { border-color: var(--accent); }
.composer textarea { flex: 1; min-width: 0; padding-block: 8px; padding-inline: 10px 6px; border: 0; outline: none; resize: none; background: none; line-height: 1.45; max-height: 160px; field-sizing: content; overflow-wrap: anywhere; }
.composer textarea::placeholder { color: var(--quiet); opacity: 1; }
.composer .send:not(:disabled) { background: var(--accent); color: var(--on-accent); }
.note { flex: none; padding: 14px; text-align: center; color: var(--quiet); border-top: 1px solid var(--line); background: var(--pane); }
.state { padding: 0 12px; font-size: 0.84rem; color: var(--quiet); }
.state:not(:empty) { padding-block: 4px; }
`;

/** The user's own colours replace all backgrounds and shadows. What only those showed gets a border. */
const FORCED_COLORS = `
@media (forced-colors: active) {
  .panel, .launcher, .bubble, .button, .badge, .avatar, .menu, .tools, .day span, .notice span { border: 1px solid; }
  .reaction.mine { border: 2px solid Highlight; }
  .avatar .dot { background: Highlight; forced-color-adjust: none; }
}
`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** One style sheet for all widgets of a page. */
export function styles() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(BASE + FRAME + MESSAGES + FORCED_COLORS);
  }
  return sheet;
}
