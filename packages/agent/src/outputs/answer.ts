/**
 * Interprets an answer: the table of docs/DELIVERY.md.
 *
 * Promises: only an answer that looks like the intake's counts as delivered. A captive portal, a proxy, or a web server
 * at a wrong address answers 200, too.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Outcome } from "./output.js";
import type { Answer } from "./request-answer.js";

/**
 * Statuses 4xx that aren't about the records: nothing at this address, or not for POST, the proxy requires a login, too
 * slow, too many requests.
 */
const NOT_ABOUT_RECORDS: ReadonlySet<number> = new Set([404, 405, 407, 408, 429]);
/** Limit of the answer's body in a reason, in characters. */
const MAX_REASON = 300;

/** @param text the body of the answer, without secrets @param bytes that were sent */
export function outcomeOf({ status, headers, text }: Answer, bytes: number): Outcome {
  const reason = `HTTP ${status}${text === "" ? "" : `: ${shorten(text)}`}`;
  const retryAfter = parseRetryAfter(headers["retry-after"]);
  const kept = (why: string): Outcome => ({
    kind: "unavailable",
    reason: why,
    retryAfter,
    answered: true,
    status,
    bytes,
  });
  if (status >= 200 && status < 300) {
    return isFromIntake(status, text)
      ? { kind: "delivered", bytes }
      : kept(`not Datadog's answer: ${reason}`);
  }
  if (status === 401 || status === 403) return { kind: "unauthorized", reason, status, bytes };
  if (status === 413) return { kind: "too-large", reason, parts: 2, foundBy: "answer", status, bytes };
  if (status >= 400 && status < 500 && !NOT_ABOUT_RECORDS.has(status))
    return { kind: "refused", reason, foundBy: "answer", status, bytes };
  return kept(reason);
}

/**
 * Datadog answers with a JSON object whose `errors` is missing or empty. Servers that imitate it answer with an empty 202,
 * portals with an empty 200 or 204.
 */
function isFromIntake(status: number, text: string): boolean {
  if (text.trim() === "") return status === 202;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) return false;
  const errors = "errors" in body ? body.errors : undefined;
  return errors === undefined || errors === null || (Array.isArray(errors) && errors.length === 0);
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function parseRetryAfter(header: string | string[] | undefined): Milliseconds | undefined {
  if (typeof header !== "string") return undefined;
  const delay = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(delay) && delay > 0 ? milliseconds(delay) : undefined;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}
