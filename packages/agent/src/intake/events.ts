/** Reads the bodies of `POST /api/v1/events` (an event) and `POST /api/v1/check_run` (a check or a list of checks). */
import { bad, isTagList, type Result } from "@chouette-iot/record";
import { isObject, parseJson } from "./read-series-json.js";

export type SubmittedEvent = Readonly<Record<string, unknown>>;
export type SubmittedCheck = Readonly<Record<string, unknown>>;

/** In characters. Datadog refuses longer texts. */
const MAX_TEXT = 4_000;

export function readEvent(body: Buffer): Result<readonly SubmittedEvent[]> {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  const event = parsed.value;
  if (!isObject(event)) return bad("the body", "an event", event);
  const { title, text, date_happened: time = 0, tags = [] } = event;
  if (typeof title !== "string" || title === "") return bad("title", "a string", title);
  if (typeof text !== "string" || text.length > MAX_TEXT)
    return bad("text", `a string of at most ${MAX_TEXT} characters`, text);
  if (!Number.isInteger(time)) return bad("date_happened", "whole seconds", time);
  if (!isTagList(tags)) return bad("tags", "a list of strings", tags);
  return { ok: true, value: [event] };
}

export function readChecks(body: Buffer): Result<readonly SubmittedCheck[]> {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  const list: readonly unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  const checks: SubmittedCheck[] = [];
  for (const [index, check] of list.entries()) {
    if (!isObject(check)) return bad(`checks[${index}]`, "an object", check);
    const { check: name, status, host_name: host, tags = [] } = check;
    if (typeof name !== "string" || name === "") return bad(`checks[${index}].check`, "a name", name);
    if (status !== 0 && status !== 1 && status !== 2 && status !== 3)
      return bad(`checks[${index}].status`, "a number from 0 to 3", status);
    if (typeof host !== "string") return bad(`checks[${index}].host_name`, "a string", host);
    if (!isTagList(tags)) return bad(`checks[${index}].tags`, "a list of strings", tags);
    checks.push(check);
  }
  return { ok: true, value: checks };
}
