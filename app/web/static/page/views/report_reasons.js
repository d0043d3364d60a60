import { t } from "/client/ui/language.js";

/** The reasons for a report: the server's word and the label. */
export const reasons = () => [
  ["spam", t("Spam")], ["harassment", t("Harassment")], ["hate", t("Hate speech")], ["violence", t("Violence")],
  ["sexual", t("Sexual content")], ["illegal", t("Illegal content")], ["other", t("Something else")],
];
