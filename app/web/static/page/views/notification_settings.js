// The settings of notifications in this browser.

import { select, toggle } from "../components/field.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";

const PREVIEWS = [["full", "Name and text"], ["sender", "Name only"], ["none", "No name or text"]];
const WORDS = {
  unsupported: "This browser cannot show notifications while the page is closed.",
  denied: "Your browser blocks notifications from this page. You can allow them in your browser's settings for this site.",
};

export function notifications(app) {
  const { client } = app.store;
  const body = h("div", null, h("p.detail", null, "…"));
  const draw = async (given) => {
    const state = given ?? (await client.pushState());
    fill(body, WORDS[state] ? h("p.detail", null, WORDS[state]) : toggle("Notify me in this browser", state === "on", change));
    if (state === "on") await more(client, body);
  };
  const change = async (on, input) => {
    input.disabled = true;
    try {
      await draw(await (on ? client.enablePush() : client.disablePush()));
    } catch (error) {
      toastError(error, { not_found: "This server doesn't send notifications." });
      await draw();
    }
  };
  draw().catch(() => fill(body, h("p.detail", null, "Couldn't load your notification settings.")));
  return h("section.card", { "aria-label": "Notifications" }, h("h3", null, "Notifications"), body);
}

async function more(client, body) {
  const settings = await client.pushSettings();
  const update = (changes) => client.updatePushSettings(changes).catch(toastError);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const quiet = (on) => update({ doNotDisturb: on ? { from: "22:00", to: "07:00", timeZone: zone } : null });
  body.append(
    select("Show in notifications", PREVIEWS, settings.preview ?? "full", (preview) => update({ preview })),
    toggle("Do not disturb from 22:00 to 7:00", Boolean(settings.doNotDisturb), quiet),
    toggle("Notify me even while I'm active on another device", Boolean(settings.whileActive), (whileActive) => update({ whileActive })),
  );
}
