// The hours in which the user does not want to be disturbed.

/**
 * @param {{ from: string, to: string, timeZone: string } | null | undefined} quiet times of day, "22:00"; `from` may be later than `to`
 * @param {Date} now
 */
export function inQuietTime(quiet, now) {
  if (!quiet) return false;
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: quiet.timeZone });
  const time = clock.format(now);
  return quiet.from <= quiet.to ? quiet.from <= time && time < quiet.to : quiet.from <= time || time < quiet.to;
}
