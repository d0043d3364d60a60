import { t } from "/client/ui/language.js";

/** Returns the user's role in a group: owner, admin or member; null if it is unknown or the conversation is direct. */
export function roleIn(conversation, userId) {
  if (conversation?.kind !== "group") return null;
  return conversation.members?.find((member) => member.userId === userId)?.role ?? null;
}

export const leads = (role) => role === "owner" || role === "admin";

/** Returns a role for people to read. @param {string} role */
export const roleName = (role) => ({ owner: t("owner"), admin: t("admin"), member: t("member") })[role] ?? role;
