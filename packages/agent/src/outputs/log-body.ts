/**
 * The JSON body of Datadog's log endpoint: a list of logs, each with its host, and with its tags as one text.
 *
 * A log may have a megabyte. Of a longer one the longest texts are cut, and marked where they are; one that is
 * long by the number of its fields keeps those that say what it is. Either gets the tag `cut:true`. That is all
 * that is lost here.
 */
import type { ReceivedLog } from "@chouette-iot/record";

/** The longest log, in bytes of its JSON: Datadog's "Send logs". */
export const MAX_LOG_BYTES = 1_000_000;

const CUT_TAG = "cut:true";
const CUT_MARK = "… (cut)";
/** Texts that are cut shorter than this don't help: the log is long by their number. */
const MIN_CUT = 1_000;
/** The fields that say what a log is, of one that can't be kept whole. */
const ESSENTIAL = ["date", "timestamp", "ddsource", "service", "level", "status", "host", "message"] as const;

/** @param agentHost of every log that names none; with "" it has none */
export function encodeLogs(logs: readonly ReceivedLog[], agentHost: string): string {
  return `[${logs.map((log) => encodeLog(log, agentHost)).join(",")}]`;
}

export function encodeLog(log: ReceivedLog, agentHost: string): string {
  const named = agentHost === "" || log.host !== undefined ? log : { ...log, host: agentHost };
  const tags = [...new Set(log.ddtags)];
  const whole = JSON.stringify({ ...named, ddtags: tags.join(",") });
  if (fits(whole)) return whole;
  const tagsWithin = (longest: number) =>
    [cutText(tags.join(","), longest), CUT_TAG].filter(Boolean).join(",");
  for (let longest = 0.8 * MAX_LOG_BYTES; longest > MIN_CUT; longest /= 4) {
    const shorter = JSON.stringify({ ...cutTexts(named, longest), ddtags: tagsWithin(longest) });
    if (fits(shorter)) return shorter;
  }
  const essence = Object.fromEntries(ESSENTIAL.map((field) => [field, essential(named[field])]));
  return JSON.stringify({ ...essence, ddtags: tagsWithin(MIN_CUT) });
}

function fits(json: string): boolean {
  return json.length <= MAX_LOG_BYTES && Buffer.byteLength(json) <= MAX_LOG_BYTES;
}

/** A copy with no text longer than this, however deep it lies. */
function cutTexts(value: object, longest: number): object {
  return JSON.parse(JSON.stringify(value), (_, part: unknown) =>
    typeof part === "string" ? cutText(part, longest) : part,
  );
}

function cutText(text: string, longest: number): string {
  if (text.length <= longest) return text;
  // A surrogate pair that is cut in two is no text.
  const cut = text.slice(0, longest).replace(/[\ud800-\udbff]$/, "");
  return cut + CUT_MARK;
}

function essential(value: unknown): unknown {
  if (value === undefined || typeof value === "number") return value;
  return cutText(typeof value === "string" ? value : JSON.stringify(value), 10 * MIN_CUT);
}
