// Settings: profile, theme, privacy, e-mail, password, two-step sign-in, sign-ins, notifications, the user's data, signing out.

import { avatarOf } from "../components/avatar.js";
import { button, busy } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { field, select } from "../components/field.js";
import { line } from "../components/line.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";
import { setTheme, theme } from "../lib/theme.js";
import { avatarChoice } from "./avatar_choice.js";
import { connectionWords } from "./connection.js";
import { openDeletion } from "./delete_account.js";
import { emailSettings } from "./email_settings.js";
import { openExport } from "./export.js";
import { notifications } from "./notification_settings.js";
import { passwordSettings } from "./password_settings.js";
import { mayHandleReports, openReports } from "./reports.js";
import { secondFactor } from "./second_factor.js";
import { signIns } from "./sign_ins.js";

const WHO = [["everyone", "Everyone"], ["contacts", "People I chat with"], ["nobody", "Nobody"]];
const THEMES = [["system", "Same as system"], ["light", "Light"], ["dark", "Dark"]];

export function openSettings(app) {
  const me = app.store.client.request("GET", "/me");
  return openDialog("Settings", (close) => [
    profile(app),
    section("Appearance", select("Theme", THEMES, theme(), setTheme)),
    section("Privacy", privacyChoices(app, me), blockedPeople(app)),
    emailSettings(app, me),
    accountAccess(app, me),
    notifications(app),
    administration(app),
    section("Your data", line("file", "Get a copy of your data", () => openExport(app)), line("trash", "Delete my account", () => openDeletion(app), true)),
    h("section.card.out", null, h("p.detail", null, connectionWords(app.store.connection), ". ", h("a", { href: "/docs", target: "_blank", rel: "noopener" }, "API documentation")),
      button("Sign out", () => {
        close();
        app.signOut();
      }, "danger")),
  ]);
}

function section(title, ...content) {
  return h("section.card", { "aria-label": title }, h("h3", null, title), content);
}

function profile(app) {
  const { store } = app;
  const name = field("Name", { value: store.me.displayName, maxlength: store.client.limits?.maxDisplayName, autocomplete: "name" });
  const save = button("Save", async () => {
    const changed = await busy(save, () => store.client.updateMe({ displayName: name.input.value }), (error) => name.fail(sentence(error)));
    if (!changed) return;
    name.fail("");
    store.people.put(changed);
    toast("Saved");
  });
  return h("section.card.profile", { "aria-label": "Profile" }, ownPicture(store), h("div.with-button", null, name.row, save));
}

function ownPicture(store) {
  const { client } = store;
  const place = h("div.who");
  const draw = () => fill(place, avatarOf(store.me, { large: true }), h("div", null, h("p.detail", null, `@${store.me.username}`), avatarChoice({
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
  const { section: list, reload } = signIns(app);
  return [passwordSettings(app, reload), secondFactor(app, me), list];
}

/** The settings of who may do what, as the server has them. `mine` resolves to your own user. */
function privacyChoices({ store: { client } }, mine) {
  const shown = { lastSeenVisible: "contacts", mayAddMe: "everyone", mayWriteToMe: "everyone" };
  const choice = (name, label) => select(label, WHO, shown[name], async (value, input) => {
    try {
      shown[name] = (await client.updateMe({ [name]: value }))[name];
    } catch (error) {
      toastError(error);
      input.value = shown[name];
    }
  });
  const labels = {
    lastSeenVisible: "Who can see when I was last online",
    mayAddMe: "Who can add me to groups without asking",
    mayWriteToMe: "Who can write to me without asking",
  };
  const choices = Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, choice(name, label)]));
  mine.then((me) => {
    for (const [name, row] of Object.entries(choices)) row.querySelector("select").value = shown[name] = me[name];
  }, () => undefined);
  return Object.values(choices);
}

/** The administration of the server, shown when the server confirms that the user is an administrator. */
function administration(app) {
  const place = h("div");
  mayHandleReports(app.store.client).then((may) => may && fill(place, section("Administration", line("warn", "Reports", () => openReports(app)))));
  return place;
}

function blockedPeople(app) {
  const list = h("ul.rows", { "aria-label": "Blocked people" });
  const draw = () => {
    const rows = [...app.blocked].map((id) => h("li.line", null, h("span", null, app.store.people.get(id).displayName),
      button("Unblock", () => app.setBlocked(id, false).then(draw))));
    fill(list, rows.length ? rows : h("li.detail", null, "You haven't blocked anyone."));
  };
  draw();
  return list;
}
