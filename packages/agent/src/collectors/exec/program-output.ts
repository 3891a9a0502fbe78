/** Parses a program's output to metrics: lines as in DogStatsD, JSON lines, or a JSON list. */
import type { ReadyType, Tags } from "@chouette-iot/record";
import type { CollectedMetric } from "../collector.js";

export interface Output {
  readonly metrics: readonly CollectedMetric[];
  /** A sentence for each line that isn't a metric. */
  readonly faults: readonly string[];
}

export function parseOutput(text: string): Output {
  if (text.trimStart().startsWith("[")) return parseJsonList(text);
  const metrics: CollectedMetric[] = [];
  const faults: string[] = [];
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("# ")) return;
    const metric = line.startsWith("{") ? parseJsonLine(line) : parseLine(line);
    if (metric === undefined) faults.push(`line ${index + 1} of the output isn't a metric`);
    else metrics.push(metric);
  });
  return { metrics, faults };
}

const LETTERS: Readonly<Record<string, ReadyType>> = { g: "gauge", c: "count", r: "rate" };

/** `name:value|type|#tag:value,tag` */
export function parseLine(line: string): CollectedMetric | undefined {
  const match = /^([^:|]+):([^|]+)\|([gcr])(?:\|#(.*))?$/.exec(line);
  const [, name, number, letter = "", tags = ""] = match ?? [];
  const type = LETTERS[letter];
  const value = Number(number);
  if (name === undefined || type === undefined || !Number.isFinite(value)) return undefined;
  return { name: name.trim(), type, value, tags: parseTags(tags) };
}

/** A tag without a colon has an empty value. */
function parseTags(text: string): Tags {
  const tags: Record<string, string> = {};
  for (const tag of text.split(",")) {
    const colon = tag.indexOf(":");
    const key = (colon < 0 ? tag : tag.slice(0, colon)).trim();
    if (key !== "") tags[key] = colon < 0 ? "" : tag.slice(colon + 1).trim();
  }
  return tags;
}

function parseJsonLine(line: string): CollectedMetric | undefined {
  try {
    return toMetric(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function parseJsonList(text: string): Output {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return { metrics: [], faults: ["the output begins like a JSON list but isn't valid JSON"] };
  }
  const metrics: CollectedMetric[] = [];
  const faults: string[] = [];
  for (const [index, entry] of (Array.isArray(list) ? list : []).entries()) {
    const metric = toMetric(entry);
    if (metric === undefined) faults.push(`entry ${index + 1} of the output isn't a metric`);
    else metrics.push(metric);
  }
  return { metrics, faults };
}

/** The default type is gauge. Name, value and tags are validated for all collectors in `ready.ts`. */
function toMetric(entry: unknown): CollectedMetric | undefined {
  if (typeof entry !== "object" || entry === null || !("name" in entry) || !("value" in entry))
    return undefined;
  return { type: "gauge", ...entry } as CollectedMetric;
}
