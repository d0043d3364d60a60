// A voice message: a play button, a waveform to seek in, and the duration.

import { icon } from "/client/ui/icons.js";
import { toast } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { minutesAndSeconds } from "/client/ui/times.js";

const BARS = 32;

/** @param {any} attachment @param {() => string | Promise<string>} address */
export function audioPlayer(attachment, address) {
  const audio = new Audio();
  audio.preload = "none";
  const play = h("button.icon-button.play", { type: "button", "aria-label": t("Play"), onclick: toggle }, icon("play"));
  const seek = h("input.seek", { type: "range", min: "0", max: "1000", value: "0", "aria-label": t("Position"), oninput: onSeek });
  const time = h("span.time", null, minutesAndSeconds(attachment.duration ?? 0));
  const bars = h("span.bars", { "aria-hidden": "true" }, heights(attachment.waveform).map((height) => h("span", { style: { height } })));

  async function toggle() {
    if (!audio.paused) return audio.pause();
    try {
      if (!audio.src) audio.src = await address();
      await audio.play();
    } catch {
      toast(t("Can't play this recording right now."));
    }
    return undefined;
  }
  function length() {
    return Number.isFinite(audio.duration) ? audio.duration : attachment.duration ?? 0;
  }
  function onSeek() {
    if (length()) audio.currentTime = (length() * Number(seek.value)) / 1000;
  }
  function show() {
    const done = length() ? audio.currentTime / length() : 0;
    seek.value = String(Math.round(done * 1000));
    [...bars.children].forEach((bar, index) => bar.classList.toggle("played", index / BARS < done));
    time.textContent = minutesAndSeconds(audio.currentTime || length());
  }
  function onState() {
    fill(play, icon(audio.paused ? "play" : "pause"));
    play.setAttribute("aria-label", audio.paused ? t("Play") : t("Pause"));
    show();
  }
  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, onState);
  audio.addEventListener("timeupdate", show);
  return h("div.audio", null, play, h("span.track", null, bars, seek), time);
}

/** Scales a waveform of any length to 32 bar heights; a flat line if there is none. */
function heights(waveform) {
  const values = Array.isArray(waveform) && waveform.length ? waveform : [0.25];
  const maximum = Math.max(...values, 0.01);
  return Array.from({ length: BARS }, (_, index) => {
    const value = values[Math.floor((index * values.length) / BARS)] / maximum;
    return `${Math.round(15 + 85 * value)}%`;
  });
}
