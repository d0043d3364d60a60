// Draws a blurhash on a small canvas: a preview of a picture until it is loaded. Format: blurha.sh.

import { h } from "/client/ui/dom.js";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
const SIZE = 32;

function base83(text) {
  return [...text].reduce((sum, digit) => sum * 83 + DIGITS.indexOf(digit), 0);
}

const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const srgb = (value) => {
  const bounded = Math.max(0, Math.min(1, value));
  return Math.round(255 * (bounded <= 0.0031308 ? bounded * 12.92 : 1.055 * bounded ** (1 / 2.4) - 0.055));
};
const signedSquare = (value) => Math.sign(value) * value * value;

function components(hash) {
  const maximum = (base83(hash[1]) + 1) / 166;
  const colours = [];
  const average = base83(hash.slice(2, 6));
  colours.push([linear(average >> 16), linear((average >> 8) & 255), linear(average & 255)]);
  for (let at = 6; at + 1 < hash.length; at += 2) {
    const value = base83(hash.slice(at, at + 2));
    const part = (n) => signedSquare((n - 9) / 9) * maximum;
    colours.push([part(Math.floor(value / 361)), part(Math.floor(value / 19) % 19), part(value % 19)]);
  }
  return colours;
}

/** Returns a canvas, or null if the text is not a blurhash. */
export function blurhash(hash) {
  if (typeof hash !== "string" || hash.length < 6) return null;
  const across = (base83(hash[0]) % 9) + 1;
  const down = Math.floor(base83(hash[0]) / 9) + 1;
  if (hash.length !== 4 + 2 * across * down) return null;
  const colours = components(hash);
  const canvas = h("canvas.blur", { width: SIZE, height: SIZE, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIZE, SIZE);
  for (let y = 0; y < SIZE; y += 1) for (let x = 0; x < SIZE; x += 1) paint(image.data, x, y, across, down, colours);
  context.putImageData(image, 0, 0);
  return canvas;
}

function paint(data, x, y, across, down, colours) {
  const sum = [0, 0, 0];
  for (let j = 0; j < down; j += 1) {
    for (let i = 0; i < across; i += 1) {
      const weight = Math.cos((Math.PI * x * i) / SIZE) * Math.cos((Math.PI * y * j) / SIZE);
      colours[i + j * across].forEach((value, channel) => (sum[channel] += value * weight));
    }
  }
  data.set([...sum.map(srgb), 255], 4 * (x + y * SIZE));
}
