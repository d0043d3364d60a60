// Settings: profile, theme, privacy, e-mail, password, two-step sign-in, sign-ins, notifications, the user's data, signing out.

import { avatarOf } from "/client/ui/avatar.js";
import { button, busy } from "/client/ui/button.js";
import { card } from "../components/card.js";
import { openDialog } from "../components/dialog.js";
import { field, select, toggle } from "../components/field.js";
import { line } from "../components/line.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { atName, t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";
import { setTheme, theme } from "../lib/theme.js";
import { avatarChoice } from "./avatar_choice.js";
import { connectionWords } from "./connection.js";
import { openDeletion } from "./delete_account.js";
import { emailSettings } from "./email_settings.js";
import { openExport } from "./export.js";
import { notifications } from "./notification_settings.js";
import { ownStatus } from "./own_status.js";
import { passwordSettings } from "./password_settings.js";
import { languageChoice } from "./language_choice.js";
import { liveText } from "./live_text.js";
import { mayHandleReports, openReports } from "./reports.js";
import { secondFactor } from "./second_factor.js";
import { signIns } from "./sign_ins.js";

const choicesOfPeople = () => [["everyone", t("Everyone")], ["contacts", t("People I chat with")], ["nobody", t("Nobody")]];
const themes = () => [["system", t("Same as system")], ["light", t("Light")], ["dark", t("Dark")]];

export function openSettings(app) {
  const me = app.store.client.request("GET", "/me");
  return openDialog(t("Settings"), (close) => [
    profile(app),
    card(t("Status"), untilKnown(me, ownStatus(app.store, me))),
    card(t("Appearance"), languageChoice(app.store.client), select(t("Theme"), themes(), theme(), setTheme)),
    card(t("Privacy"), untilKnown(me, [...privacyChoices(app, me), hidesBlocked(app, me)]), blockedPeople(app)),
    emailSettings(app, me),
    accountAccess(app, me),
    notifications(app),
    administration(app),
    card(t("Your data"), line("file", t("Get a copy of your data"), () => openExport(app)), line("trash", t("Delete my account"), () => openDeletion(app), true)),
    h("section.card.out", null, h("p.detail", null, connectionWords(app.store.connection), " · ", h("a", { href: "docs", target: "_blank", rel: "noopener" }, t("API documentation"))),
      button(t("Sign out"), () => {
        close();
        app.signOut();
      }, "danger")),
  ]);
}

/**
 * Disables the fields of `rows` until `mine` has loaded and filled them: it would overwrite what the user enters before.
 * @param {Promise<unknown>} mine @param {HTMLElement[]} rows
 */
function untilKnown(mine, rows) {
  const controls = rows.flatMap((row) => [...row.querySelectorAll("input, select, button")]);
  const disable = (on) => controls.forEach((control) => Object.assign(control, { disabled: on }));
  disable(true);
  mine.catch(() => undefined).then(() => disable(false));
  return rows;
}

function profile(app) {
  const { store } = app;
  const name = field(t("Name"), { value: store.me.displayName, limit: store.client.limits?.maxDisplayName, autocomplete: "name" });
  const save = button(t("Save"), async () => {
    const changed = await busy(save, () => store.client.updateMe({ displayName: name.input.value }), (error) => name.fail(sentence(error)));
    if (!changed) return;
    name.fail("");
    store.people.put(changed);
    toast(t("Saved"));
  });
  return h("section.card.profile", { "aria-label": t("Profile") }, ownPicture(store), h("div.with-button", null, name.row, save));
}

function ownPicture(store) {
  const { client } = store;
  const place = h("div.who");
  const draw = () => fill(place, avatarOf(store.me, { large: true }), h("div", null, h("p.detail", null, atName(store.me.username)), avatarChoice({
    present: Boolean(store.me.avatarUrl),
    upload: (file) => client.setAvatar(file),
    remove: () => client.updateMe({ avatarUrl: null }),
    changed: (me) => {
      store.people.put({ avatarUrl: undefined, ...me });
      draw();
    },
  })));
  draw();
  return place;
}

/** The password, the second factor and the sign-ins. Accounts of another service have none of them here. */
function accountAccess(app, me) {
  if (document.documentElement.dataset.accounts !== "on") return [];
  const { section, reload } = signIns(app);
  return [passwordSettings(app, reload), secondFactor(app, me), section];
}

/** The settings of who may do what, as the server has them. `mine` resolves to your own user. */
function privacyChoices({ store: { client } }, mine) {
  const shown = { lastSeenVisible: "contacts", mayAddMe: "everyone", mayWriteToMe: "everyone" };
  const choice = (name, label) => select(label, choicesOfPeople(), shown[name], async (value, input) => {
    try {
      shown[name] = (await client.updateMe({ [name]: value }))[name];
    } catch (error) {
      toastError(error);
      input.value = shown[name];
    }
  });
  const labels = {
    lastSeenVisible: t("Who can see when I was last online"),
    mayAddMe: t("Who can add me to groups without asking"),
    mayWriteToMe: t("Who can write to me without asking"),
  };
  const choices = Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, choice(name, label)]));
  mine.then((me) => {
    for (const [name, row] of Object.entries(choices)) row.querySelector("select").value = shown[name] = me[name];
  }, () => undefined);
  return Object.values(choices);
}

/** Whether messages of blocked people are folded in groups. `mine` resolves to your own user. */
function hidesBlocked(app, mine) {
  const { client, topics } = app.store;
  const keep = (me) => {
    app.hidesBlocked = me.hideBlockedMessages;
    topics.changed("blocks");
  };
  const row = toggle(t("Hide what people I blocked write in groups"), app.hidesBlocked, async (on, input) => {
    try {
      keep(await client.updateMe({ hideBlockedMessages: on }));
    } catch (error) {
      toastError(error);
      input.checked = !on;
    }
  });
  mine.then((me) => {
    row.querySelector("input").checked = me.hideBlockedMessages;
    keep(me);
  }, () => undefined);
  return row;
}

/** The administration of the server, shown when the server confirms that the user is an administrator. */
function administration(app) {
  const place = h("div");
  mayHandleReports(app.store.client).then((may) => may && fill(place, card(t("Administration"), line("warn", t("Reports"), () => openReports(app)))));
  return place;
}

function blockedPeople(app) {
  const list = h("ul.rows", { "aria-label": t("Blocked people") });
  const draw = () => {
    const rows = [...app.blocked].map((id) => h("li.line", null, liveText(app.store, () => app.store.people.get(id).displayName),
      button(t("Unblock"), () => app.setBlocked(id, false).then(draw))));
    fill(list, rows.length ? rows : h("li.detail", null, t("You haven't blocked anyone.")));
  };
  draw();
  return list;
}
