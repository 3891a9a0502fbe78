export { type CallOptions, ChouetteClient, type SetInput } from "./client.js";
export type { Drop, Refusal } from "./counters.js";
export type { ChouetteClientOptions } from "./options.js";
export type { ClientStats } from "./pipeline.js";
export type { TagInput, TagValue } from "./tag-input.js";
export type { ClientEvents, LastError } from "./watch.js";
