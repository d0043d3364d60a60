import { openDialog } from "../components/dialog.js";
import { spinner } from "../components/empty.js";
import { fill, h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";

/** Shows a picture as large as the window allows. */
export function openPicture(store, attachment) {
  const frame = h("div.large-picture", null, spinner("Loading picture"));
  const show = (address) => {
    const image = h("img", { src: address, alt: attachment.filename ?? "Picture" });
    const open = h("a.button.plain", { href: address, target: "_blank", rel: "noopener noreferrer" }, "Open in a new tab");
    fill(frame, image, open);
  };
  const local = store.media.local(attachment.mediaId);
  if (local) show(local);
  else store.media.url(attachment.mediaId).then(show, (error) => fill(frame, h("p", { role: "alert" }, sentence(error))));
  return openDialog(attachment.filename ?? "Picture", () => frame, { wide: true });
}
