export * from "./types/parley.js";
export type * from "./types/lib/option_types.js";
export type * from "./types/lib/formatting_types.js";
export type * from "./types/lib/types.js";
