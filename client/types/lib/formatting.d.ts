export function parseText(text: string): Block[];
export function plainText(text: string): string;
import type { Block } from "./formatting_types.js";
