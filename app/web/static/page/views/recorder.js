// Records a voice message, to send or discard.

import { iconButton } from "/client/ui/button.js";
import { toast } from "../components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { minutesAndSeconds } from "/client/ui/times.js";

const MAX_MS = 5 * 60_000;
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

export class Recorder {
  element = h("div.recording", { role: "group", "aria-label": t("Recording") });
  #onFile;
  #onChange;
  #recorder = null;
  #keep = false;
  #timer = 0;

  /** @param {(file: File) => void} onFile @param {(recording: boolean) => void} onChange */
  constructor(onFile, onChange) {
    [this.#onFile, this.#onChange] = [onFile, onChange];
    this.element.hidden = true;
  }

  /** @param {HTMLElement} place where it shows itself */
  async start(place) {
    place.append(this.element);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      const why = error.name === "NotFoundError" ? t("No microphone found.") : t("Please allow this page to use your microphone.");
      return void toast(why);
    }
    const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one)) ?? "";
    this.#recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    this.#collect(stream);
    this.#recorder.start();
    this.#show(Date.now());
  }

  cancel() {
    this.#finish(false);
  }

  #finish(keep) {
    this.#keep = keep;
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }

  #collect(stream) {
    const parts = [];
    const recorder = this.#recorder;
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      clearInterval(this.#timer);
      this.element.hidden = true;
      this.#onChange(false);
      const type = recorder.mimeType.split(";")[0] || "audio/webm";
      if (this.#keep && parts.length) this.#onFile(new File(parts, `voice.${type.split("/")[1]}`, { type }));
    };
  }

  #show(began) {
    const time = h("span.time", { role: "timer" }, "0:00");
    this.#timer = setInterval(() => {
      time.textContent = minutesAndSeconds((Date.now() - began) / 1000);
      if (Date.now() - began > MAX_MS) this.#finish(true);
    }, 250);
    const send = iconButton("send", t("Send recording"), () => this.#finish(true), { class: "send" });
    fill(this.element, iconButton("trash", t("Discard recording"), () => this.#finish(false)), h("span.live", { "aria-hidden": "true" }), time, h("span.grow", null, t("Recording…")), send);
    this.element.hidden = false;
    this.#onChange(true);
    send.focus();
  }
}
