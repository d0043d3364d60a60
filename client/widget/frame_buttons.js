import { iconButton } from "../ui/button.js";
import { t } from "../ui/language.js";

/** @param {() => void} close */
export const closeButton = (close) => iconButton("close", t("Close"), close, { class: "close" });
