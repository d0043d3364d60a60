// Buttons that upload and remove the picture of a user or a group.

import { button, busy } from "/client/ui/button.js";
import { toastError } from "../components/toast.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";

const TYPES = "image/jpeg,image/png,image/gif,image/webp,image/heic,image/avif";
const words = () => ({ unsupported_media: t("This picture can't be used. Please choose a JPEG, PNG, GIF, WebP, HEIC or AVIF file."), too_large: t("The picture may have at most 5 MB.") });

/**
 * @param {{ present: boolean, upload: (file: File) => Promise<any>, remove: () => Promise<any>, changed: (made: any) => void,
 *   make?: (icon: string, label: string, onclick: () => any) => HTMLElement }} acts
 *   `changed` gets what `upload` or `remove` resolved to; `make(icon, label, onclick)` makes the buttons
 */
export function avatarChoice({ present, upload, remove, changed, make = (_icon, label, onclick) => button(label, onclick) }) {
  const act = async (element, work) => {
    const made = await busy(element, work, (error) => toastError(error, words()));
    if (made) changed(made);
  };
  const choose = make("picture", present ? t("Change picture") : t("Add a picture"), () => file.click());
  const file = h("input.unseen", {
    type: "file", accept: TYPES, tabindex: "-1", "aria-hidden": "true",
    onchange: () => {
      const [chosen] = file.files;
      file.value = ""; // so that the same file can be chosen again
      if (chosen) act(choose, () => upload(chosen));
    },
  });
  const drop = present ? make("trash", t("Remove picture"), () => act(drop, remove)) : null;
  return h("div.buttons", null, file, choose, drop);
}
