// Names of hosts that readers may take for another: letters of several scripts in one label, letters of another script that look
// like ours before an ending of ours, and signs that look like the slash after a name.

const ORDINARY = /^[\p{L}\p{M}\p{N}_-]+$/u;
const LATIN = /[a-z]/iu;
/** Characters that no label with the letters a to z needs. It has the letters of European languages and of Vietnamese. */
const FOREIGN = /[^\u0000-\u017f\u0218-\u021b\u01a0\u01a1\u01af\u01b0\u1e00-\u1eff]/u;
/** Scripts with many letters that look like a to z. */
const ALIKE = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}\p{Script=Canadian_Aboriginal}]/u;
const ASCII = /^[\u0000-\u007f]*$/u;

/** Returns whether the address shows a host that could be taken for another. @param {string} url */
export function looksLikeAnother(url) {
  const host = /^https?:\/\/([^/?#:]+)/iu.exec(url)?.[1].normalize("NFC") ?? "";
  if (ASCII.test(host)) return false;
  const labels = host.split(".").filter(Boolean);
  const isOurEnding = ASCII.test(labels[labels.length - 1] ?? "");
  return labels.some((label) => !ASCII.test(label) && (!ORDINARY.test(label) || (LATIN.test(label) && FOREIGN.test(label)) || (isOurEnding && ALIKE.test(label))));
}
