/** Reads the bodies of `POST /api/v1/events` (an event) and `POST /api/v1/check_run` (a check or a list of checks). */
import type { Result } from "@chouette-iot/record";
import { isObject, parseJson } from "./read-series-json.js";

export type SubmittedEvent = Readonly<Record<string, unknown>>;
export type SubmittedCheck = Readonly<Record<string, unknown>>;

/** In characters. Datadog refuses longer texts. */
const MAX_TEXT = 4_000;

export function readEvent(body: Buffer): Result<readonly SubmittedEvent[]> {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  const event = parsed.value;
  if (!isObject(event)) return { ok: false, reason: "the body should be an event" };
  const { title, text, date_happened: time = 0, tags = [] } = event;
  if (typeof title !== "string" || title === "") return { ok: false, reason: "title should be a string" };
  if (typeof text !== "string" || text.length > MAX_TEXT)
    return { ok: false, reason: `text should have at most ${MAX_TEXT} characters` };
  if (!Number.isInteger(time)) return { ok: false, reason: "date_happened should be whole seconds" };
  if (!isTagList(tags)) return { ok: false, reason: "tags should be a list of strings" };
  return { ok: true, value: [event] };
}

export function readChecks(body: Buffer): Result<readonly SubmittedCheck[]> {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  const list: readonly unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  const checks: SubmittedCheck[] = [];
  for (const [index, check] of list.entries()) {
    if (!isObject(check)) return { ok: false, reason: `checks[${index}] should be an object` };
    const { check: name, status, host_name: host, tags = [] } = check;
    if (typeof name !== "string" || name === "")
      return { ok: false, reason: `checks[${index}].check should be a name` };
    if (![0, 1, 2, 3].includes(Number(status)) || typeof status !== "number")
      return { ok: false, reason: `checks[${index}].status should be a number from 0 to 3` };
    if (typeof host !== "string") return { ok: false, reason: `checks[${index}].host_name should be a string` };
    if (!isTagList(tags)) return { ok: false, reason: `checks[${index}].tags should be a list of strings` };
    checks.push(check);
  }
  return { ok: true, value: checks };
}

function isTagList(tags: unknown): boolean {
  return Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
}
