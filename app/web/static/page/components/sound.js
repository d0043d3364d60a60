// The sound of a new message: two short notes. It is made here, so there is no file to load.

const NOTES_HZ = [660, 880];
const NOTE_S = 0.12;
const LOUDNESS = 0.08;
const QUIET_MS = 2_000; // many messages at once make one sound

let context = null;
let last = 0;

/** Browsers allow sounds only after the user has clicked or typed in the page. */
export async function playSound() {
  if (!("AudioContext" in globalThis) || Date.now() - last < QUIET_MS) return;
  last = Date.now();
  context ??= new AudioContext();
  await context.resume();
  NOTES_HZ.forEach((hertz, index) => note(context, hertz, context.currentTime + index * NOTE_S));
}

function note(audio, hertz, start) {
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = hertz;
  volume.gain.setValueAtTime(LOUDNESS, start);
  volume.gain.exponentialRampToValueAtTime(0.001, start + NOTE_S);
  tone.connect(volume).connect(audio.destination);
  tone.start(start);
  tone.stop(start + NOTE_S);
}
