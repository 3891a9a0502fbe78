/**
 * Encodes a log as JSON in the original client's format: date, source, service, tags, level, message, the error's stack, and
 * the application's other fields.
 */
import { type LogLevel, NO_TAGS, tagList } from "@chouette-iot/record";
import { isError } from "../any-error.js";
import { readTags, type TagInput } from "../tag-input.js";
import { type Budget, plainText, plainValue } from "./plain-value.js";

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: unknown;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Further fields: `tags` become tags, `exc_info` or an error under `err` or `error` becomes the stack. */
  readonly extras: Readonly<Record<string, unknown>>;
}

export interface LogOrigin {
  readonly service: string;
  readonly source: string;
  readonly tags: readonly string[];
  /** Maximum number of characters in a log; longer ones are truncated and marked. */
  readonly limit: number;
}

/** Names of a log's own fields: an extra with such a name gets an underscore. */
const RESERVED: ReadonlySet<string> = new Set([
  "date",
  "ddsource",
  "ddtags",
  "level",
  "message",
  "service",
  "exc_info",
  // Setting this one would change the prototype.
  "__proto__",
]);

/** The JSON of a log. Throws if the time is invalid, or a proxy throws. */
export function logText({ level, message, at, extras }: LogEntry, origin: LogOrigin): string {
  const budget: Budget = { left: origin.limit, cut: false };
  const { tags, ...others } = extras;
  const found = findError(message, others);
  const log: Record<string, unknown> = {
    // As Python writes UTC.
    date: new Date(at).toISOString().replace("Z", "+00:00"),
    ddsource: origin.source,
    ddtags: [...origin.tags, ...logTags(tags)],
    level,
    message: { msg: plainText(messageText(message, budget), budget) },
    service: origin.service,
  };
  if (found !== undefined) log.exc_info = plainText(found.stack, budget);
  for (const name of Object.keys(others)) {
    if (name === "exc_info" || others[name] === undefined) continue;
    const value = others[name] === found?.of ? withoutStack(others[name]) : others[name];
    log[RESERVED.has(name) ? `${name}_` : name] = plainValue(value, budget);
  }
  if (budget.cut) log.truncated = true;
  return JSON.stringify(log);
}

function messageText(message: unknown, budget: Budget): string {
  if (typeof message === "string") return message;
  if (isError(message)) return message.message;
  const plain = plainValue(message, { ...budget });
  return typeof plain === "string" ? plain : (JSON.stringify(plain) ?? String(plain));
}

interface FoundStack {
  readonly stack: string;
  /** The value that it was found in. */
  readonly of: unknown;
}

/** The first stack found: a text in `exc_info`, or an error's stack with those of its causes. */
function findError(message: unknown, extras: Readonly<Record<string, unknown>>): FoundStack | undefined {
  for (const given of [extras.exc_info, message, extras.err, extras.error]) {
    if (typeof given === "string" && given === extras.exc_info) return { stack: given, of: given };
    if (isError(given)) return { stack: stackOf(given, 0), of: given };
    if (typeof given === "object" && given !== null && "stack" in given && typeof given.stack === "string")
      return { stack: given.stack, of: given };
  }
  return undefined;
}

/** pino converts errors to plain objects: their stack is stored once, as the log's. */
function withoutStack(value: unknown): unknown {
  if (typeof value !== "object" || value === null || isError(value)) return value;
  const { stack: _, ...others } = value as { readonly stack?: unknown };
  return others;
}

function stackOf(error: Error, depth: number): string {
  const stack = error.stack ?? `${error.name}: ${error.message}`;
  return isError(error.cause) && depth < 5
    ? `${stack}\nCaused by: ${stackOf(error.cause, depth + 1)}`
    : stack;
}

/** An object's tags as `key:value`; a list unchanged, as in the original. */
export function logTags(tags: unknown): readonly string[] {
  if (Array.isArray(tags)) return tags.map(String);
  if (typeof tags !== "object" || tags === null) return [];
  return tagList(readTags(NO_TAGS, tags as TagInput));
}
