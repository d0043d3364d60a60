// Times in words, in the browser's language.

const DAY = 86_400_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const shortWeekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const dateOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

/** Returns the number of days from the day of `when` until today. */
function daysAgo(when, now = new Date()) {
  const start = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
  return Math.round((start(now) - start(when)) / DAY);
}

export const timeOfDay = (text) => clock.format(new Date(text));
export const exactly = (text) => full.format(new Date(text));
export const dayKey = (text) => new Date(text).toDateString();

/** "Today", "Yesterday", "Tuesday", "3 May", "3 May 2024" */
export function dayName(text) {
  const when = new Date(text);
  const ago = daysAgo(when);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  if (ago > 1 && ago < 7) return weekday.format(when);
  return (when.getFullYear() === new Date().getFullYear() ? date : dateOfYear).format(when);
}

/** Returns the time if it is today, else the day: for rows of lists. */
export function shortly(text) {
  const when = new Date(text);
  const ago = daysAgo(when);
  if (ago <= 0) return clock.format(when);
  return ago < 7 ? shortWeekday.format(when) : shortDate.format(when);
}

/** "last seen just now", "… 5 minutes ago", "… today at 14:05" */
export function lastSeen(text) {
  const minutes = Math.floor((Date.now() - new Date(text).getTime()) / 60_000);
  if (minutes < 1) return "last seen just now";
  if (minutes < 60) return `last seen ${minutes} minute${minutes === 1 ? "" : "s"} ago`;
  const day = dayName(text);
  const plain = day === "Today" || day === "Yesterday" ? day.toLowerCase() : day;
  return `last seen ${plain} at ${timeOfDay(text)}`;
}

/** 75 → "1:15" */
export function minutesAndSeconds(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
