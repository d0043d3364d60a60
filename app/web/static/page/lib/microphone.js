/** Whether this browser can record at this address; microphones need a secure one. */
export function canRecord() {
  return typeof MediaRecorder === "function" && Boolean(navigator.mediaDevices?.getUserMedia);
}
