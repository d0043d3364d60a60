// The sign-ins of the account, in the settings: where you are signed in, each with a way to end it.

import { button, busy } from "/client/ui/button.js";
import { card } from "../components/card.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { shortly } from "/client/ui/times.js";

/** Returns {section, reload}. */
export function signIns({ store: { client } }) {
  const list = h("ul.rows", { "aria-label": t("Your sign-ins") });
  const others = button(t("End all others"), () => end(others, () => client.endOtherSignIns()), "danger", { hidden: true });
  const draw = (all) => {
    others.hidden = all.length < 2;
    fill(list, all.map((one) => row(one, (element) => end(element, () => client.endSignIn(one.id)))));
  };
  const reload = () => client.signIns().then(draw, toastError);
  const end = (element, act) => busy(element, () => act().then(reload), toastError);
  void reload();
  return { section: card(t("Sign-ins"), list, others), reload };
}

function row({ deviceName, network, current, lastUsedAt }, end) {
  const name = deviceName ?? t("Unknown device");
  const about = [network, current ? t("this sign-in") : t("last used: {time}", { time: shortly(lastUsedAt) })].filter(Boolean).join(" · ");
  const act = button(t("End"), () => end(act), "plain", { "aria-label": t("End {name}", { name }) });
  return h("li.line", null, h("div", null, h("p", null, name), h("p.detail", null, about)), current ? null : act);
}
