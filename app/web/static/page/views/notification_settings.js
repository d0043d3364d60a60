// Notifications of this browser on or off, and what they show.

import { select, toggle } from "../components/field.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";

const PREVIEWS = [["full", "Name and text"], ["sender", "Name only"], ["none", "Neither"]];
const WORDS = {
  unsupported: "This browser cannot show notifications while the page is closed.",
  denied: "The browser does not let this page notify you. Its settings for this site can change that.",
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
      toastError(error, { not_found: "This server sends no notifications." });
      await draw();
    }
  };
  draw().catch(() => fill(body, h("p.detail", null, "Notifications cannot be set right now.")));
  return h("section.card", { "aria-label": "Notifications" }, h("h3", null, "Notifications"), body);
}

async function more(client, body) {
  const settings = await client.pushSettings();
  const update = (changes) => client.updatePushSettings(changes).catch(toastError);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const quiet = (on) => update({ doNotDisturb: on ? { from: "22:00", to: "07:00", timeZone: zone } : null });
  body.append(
    select("They show", PREVIEWS, settings.preview ?? "full", (preview) => update({ preview })),
    toggle("Quiet from 22:00 to 7:00", Boolean(settings.doNotDisturb), quiet),
    toggle("Also while I am active elsewhere", Boolean(settings.whileActive), (whileActive) => update({ whileActive })),
  );
}
