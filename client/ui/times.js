// Times in words, as people of the user's language write them.

import { format, t, plural } from "./language.js";

const DAY = 86_400_000;
const OPTIONS = {
  clock: { hour: "numeric", minute: "2-digit" },
  weekday: { weekday: "long" },
  shortWeekday: { weekday: "short" },
  date: { day: "numeric", month: "long" },
  dateOfYear: { day: "numeric", month: "long", year: "numeric" },
  shortDate: { day: "numeric", month: "short" },
  numericDate: { dateStyle: "short" },
  full: { dateStyle: "full", timeStyle: "short" },
};

const written = (name, when) => format(name, Intl.DateTimeFormat, OPTIONS[name]).format(when);

/** Returns the number of days from the day of `when` until today. */
function daysAgo(when, now = new Date()) {
  const start = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
  return Math.round((start(now) - start(when)) / DAY);
}

const isThisYear = (when) => when.getFullYear() === new Date().getFullYear();

export const timeOfDay = (text) => written("clock", new Date(text));
export const exactly = (text) => written("full", new Date(text));
export const dayKey = (text) => new Date(text).toDateString();

/** "Today", "Yesterday", "Tuesday", "3 May", "3 May 2024" */
export function dayName(text) {
  const ago = daysAgo(new Date(text));
  if (ago === 0) return t("Today");
  if (ago === 1) return t("Yesterday");
  return day(new Date(text), ago);
}

function day(when, ago) {
  if (ago > 1 && ago < 7) return written("weekday", when);
  return written(isThisYear(when) ? "date" : "dateOfYear", when);
}

/** Returns the time if it is today, else the day: for rows of lists. */
export function shortly(text) {
  const when = new Date(text);
  const ago = daysAgo(when);
  if (ago <= 0) return written("clock", when);
  if (ago < 7) return written("shortWeekday", when);
  return written(isThisYear(when) ? "shortDate" : "numericDate", when);
}

/** "last seen just now", "… 5 minutes ago", "… today at 14:05" */
export function lastSeen(text) {
  const when = new Date(text);
  const minutes = Math.floor((Date.now() - when.getTime()) / 60_000);
  if (minutes < 1) return t("last seen just now");
  if (minutes < 60) return plural(minutes, "last seen {count} minute ago", "last seen {count} minutes ago");
  const [ago, time] = [daysAgo(when), timeOfDay(text)];
  if (ago === 0) return t("last seen today at {time}", { time });
  if (ago === 1) return t("last seen yesterday at {time}", { time });
  return t("last seen {day} at {time}", { day: day(when, ago), time });
}

/** 75 → "1:15" */
export function minutesAndSeconds(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
