// The sign-ins of the account, in the settings: where you are signed in, each with a way to end it.

import { button, busy } from "../components/button.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { shortly } from "../lib/times.js";

/** Returns {section, reload}. */
export function signIns({ store: { client } }) {
  const list = h("ul.rows", { "aria-label": "Your sign-ins" });
  const others = button("End all others", () => end(others, () => client.endOtherSignIns()), "danger", { hidden: true });
  const draw = (all) => {
    others.hidden = all.length < 2;
    fill(list, all.map((one) => row(one, (element) => end(element, () => client.endSignIn(one.id)))));
  };
  const reload = () => client.signIns().then(draw, toastError);
  const end = (element, act) => busy(element, () => act().then(reload), toastError);
  void reload();
  return { section: h("section.card", { "aria-label": "Sign-ins" }, h("h3", null, "Sign-ins"), list, others), reload };
}

function row({ deviceName, network, current, lastUsedAt }, end) {
  const name = deviceName ?? "Unknown device";
  const about = [network, current ? "this sign-in" : `last used ${shortly(lastUsedAt)}`].filter(Boolean).join(" · ");
  const act = button("End", () => end(act), "plain", { "aria-label": `End ${name}` });
  return h("li.line", null, h("div", null, h("p", null, name), h("p.detail", null, about)), current ? null : act);
}
