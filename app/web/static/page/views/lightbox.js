// Pictures as large as the window, one after the other: zoom, previous and next, download. Back and Escape close it.

import { iconButton } from "/client/ui/button.js";
import { spinner } from "/client/ui/empty.js";
import { icon } from "/client/ui/icons.js";
import { fill, h } from "/client/ui/dom.js";
import { isRightToLeft, number, t } from "/client/ui/language.js";
import { backwardKey, forwardKey } from "../lib/keys.js";
import { coverHistory } from "../lib/overlay_history.js";
import { sentence } from "/client/ui/words.js";
import { Zoom } from "../lib/zoom.js";

/**
 * A picture to show. `address` resolves to one for an <img>; `caption` and `about` are texts, such as its message and sender.
 * @typedef {{ id: string, name: string, address: () => Promise<string>, caption?: string, about?: string }} Picture
 */

/**
 * Opens the viewer. `earlier` resolves to pictures before the first one that was given, or to none.
 * @param {Picture[]} pictures @param {number} index @param {{ earlier?: () => Promise<Picture[]> }} [more]
 */
export function openLightbox(pictures, index, more = {}) {
  return new Lightbox(pictures, index, more).closed;
}

class Lightbox {
  /** Resolves when it is closed. @type {Promise<void>} */
  closed;
  #pictures;
  #at;
  #earlier;
  #dialog;
  #stage = h("div.stage");
  #about = h("p.about");
  #place = h("p.place", { role: "status" });
  #caption = h("p.caption", { dir: "auto" });
  #zoom = new Zoom(this.#stage, (direction) => this.#onSwipe(direction));
  #previous = iconButton("back", t("Previous picture"), () => this.#go(-1), { class: "previous" });
  #next = iconButton("next", t("Next picture"), () => this.#go(1), { class: "next" });
  #save = h("a.icon-button.save", { "aria-label": t("Download"), title: t("Download"), rel: "noopener" }, icon("download"));

  /** @param {Picture[]} pictures @param {number} index @param {{ earlier?: () => Promise<Picture[]> }} more */
  constructor(pictures, index, { earlier }) {
    [this.#pictures, this.#at, this.#earlier] = [pictures, index, earlier];
    const head = h("header", null, h("div.words", null, this.#about, this.#place),
      iconButton("zoomOut", t("Zoom out"), () => this.#zoom.out()), iconButton("zoomIn", t("Zoom in"), () => this.#zoom.in()),
      this.#save, iconButton("close", t("Close"), () => this.#dialog.close()));
    this.#dialog = h("dialog.lightbox", { "aria-label": t("Pictures"), onkeydown: (event) => this.#onKey(event) },
      head, this.#stage, this.#previous, this.#next, this.#caption);
    const uncover = coverHistory(() => this.#dialog.close());
    this.closed = new Promise((resolve) => {
      this.#dialog.addEventListener("close", () => {
        this.#dialog.remove();
        uncover();
        resolve();
      });
    });
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#draw();
  }

  get #picture() {
    return this.#pictures[this.#at];
  }

  async #go(step) {
    if (this.#at + step < 0) await this.#loadEarlier();
    if (!this.#pictures[this.#at + step]) return;
    this.#at += step;
    this.#draw();
  }

  async #loadEarlier() {
    const found = (await this.#earlier?.().catch(() => [])) ?? [];
    const known = new Set(this.#pictures.map(({ id }) => id));
    const fresh = found.filter(({ id }) => !known.has(id));
    if (!fresh.length) this.#earlier = undefined;
    this.#pictures = [...fresh, ...this.#pictures];
    this.#at += fresh.length;
    this.#drawPlace();
  }

  #draw() {
    const picture = this.#picture;
    this.#about.textContent = picture.about ?? picture.name;
    this.#caption.textContent = picture.caption ?? "";
    this.#save.removeAttribute("href");
    this.#drawPlace();
    fill(this.#stage, spinner(t("Loading picture")));
    picture.address().then((address) => picture === this.#picture && this.#show(picture, address), (error) => picture === this.#picture && this.#fail(sentence(error)));
    for (const beside of [this.#pictures[this.#at + 1], this.#pictures[this.#at - 1]]) beside?.address().then(preload, () => undefined);
  }

  #drawPlace() {
    const { length } = this.#pictures;
    this.#place.textContent = length > 1 ? t("{place} of {count}", { place: number(this.#at + 1), count: number(length) }) : "";
    this.#previous.hidden = this.#at === 0 && !this.#earlier;
    this.#next.hidden = this.#at === length - 1;
  }

  #show(picture, address) {
    const image = h("img", { src: address, alt: picture.name, draggable: "false" });
    image.onerror = () => picture === this.#picture && this.#fail(t("The picture cannot be shown."));
    fill(this.#stage, image);
    this.#zoom.show(image);
    this.#save.href = address;
    this.#save.download = picture.name;
    if (new URL(address, location.href).origin !== location.origin) this.#save.target = "_blank"; // the browser ignores `download` there
  }

  #fail(words) {
    fill(this.#stage, h("p", { role: "alert" }, words));
  }

  #onSwipe(direction) {
    if (direction === "down") this.#dialog.close();
    else this.#go((direction === "left") === isRightToLeft() ? -1 : 1);
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      [forwardKey()]: () => this.#go(1),
      [backwardKey()]: () => this.#go(-1),
      "+": () => this.#zoom.in(),
      "=": () => this.#zoom.in(),
      "-": () => this.#zoom.out(),
      0: () => this.#zoom.reset(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

function preload(address) {
  new Image().src = address;
}
