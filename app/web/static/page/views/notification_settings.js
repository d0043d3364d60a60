// The settings of notifications in this browser: by the page while it is open, and by pushes while it is closed.

import { card } from "../components/card.js";
import { select, toggle } from "../components/field.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { chooseNotices, mayShow, noticeChoices } from "../lib/notice_choices.js";

const previews = () => [["full", t("Name and text")], ["sender", t("Name only")], ["none", t("No name or text")]];
const words = () => ({
  insecure: t("Browsers show notifications only for secure addresses, which begin with https://."),
  unsupported: t("This browser cannot show notifications while the page is closed."),
  denied: t("Your browser blocks notifications from this page. You can allow them in your browser's settings for this site."),
});

export function notifications(app) {
  const { client } = app.store;
  const body = h("div", null, h("p.detail", null, "…"));
  const draw = async (given) => {
    const state = window.isSecureContext ? given ?? (await client.pushState()) : "insecure";
    const push = words()[state] ? h("p.detail", null, words()[state]) : toggle(t("Notify me in this browser"), state === "on", change);
    fill(body, push, whileOpen(state, draw));
    if (state === "on") await more(app.store, body);
  };
  const change = async (on, input) => {
    input.disabled = true;
    try {
      await draw(await (on ? client.enablePush() : client.disablePush()));
    } catch (error) {
      toastError(error, { not_found: t("This server doesn't send notifications while the page is closed.") });
      await draw();
    }
  };
  draw().catch(() => fill(body, h("p.detail", null, t("Couldn't load your notification settings."))));
  return card(t("Notifications"), body);
}

/** The choices for an open page while the user looks elsewhere. */
function whileOpen(state, draw) {
  const { show, sound } = noticeChoices();
  const allow = async (on) => {
    chooseNotices({ show: on && (mayShow() || (await Notification.requestPermission()) === "granted") });
    await draw();
  };
  const shows = "Notification" in globalThis && state !== "insecure" && state !== "denied";
  return [
    shows ? toggle(t("Notify me while the page is open in the background"), show && mayShow(), allow) : null,
    toggle(t("Play a sound for messages that arrive in the background"), sound, (on) => chooseNotices({ sound: on })),
  ];
}

async function more(store, body) {
  const settings = await store.pushSettings();
  const update = (changes) => store.updatePushSettings(changes).catch(toastError);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const quiet = (on) => update({ doNotDisturb: on ? { from: "22:00", to: "07:00", timeZone: zone } : null });
  body.append(
    select(t("Show in notifications"), previews(), settings.preview ?? "full", (preview) => update({ preview })),
    toggle(t("Do not disturb from 22:00 to 7:00"), Boolean(settings.doNotDisturb), quiet),
    toggle(t("Notify me even while I'm active on another device"), Boolean(settings.whileActive), (whileActive) => update({ whileActive })),
  );
}
