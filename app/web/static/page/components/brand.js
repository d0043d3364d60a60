import { h } from "/client/ui/dom.js";

/** The icon and the name, above the forms of people who are not signed in. */
export function brand() {
  const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
  return h("div.brand", null, h("img", { src: icon.href, alt: "", width: "44", height: "44" }), h("p", null, "Parley"));
}
