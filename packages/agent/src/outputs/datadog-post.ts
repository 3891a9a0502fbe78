/**
 * Datadog's intake: a body posted with the key, within the endpoint's limits, and the key's own check.
 *
 * A key that isn't accepted is read again, and where it is another one by then, tried once more.
 */
import type { ApiKey } from "./api-key.js";
import type { Encoding } from "./compression.js";
import type { HttpRequest, HttpSender } from "./http.js";
import { type Outcome, tryEncode } from "./output.js";
import { type PlainBody, type Some, smallestBody } from "./smallest-body.js";

export interface Endpoint {
  readonly url: string;
  /** Those that it takes, the one that suits large bodies first. */
  readonly encodings: Some<Encoding>;
  /** The largest body that the intake takes, in bytes, as sent and inflated. */
  readonly maxSentBytes: number;
  readonly maxInflatedBytes: number;
}

export interface DatadogAccess {
  /** The API's base, as in `https://api.datadoghq.com/api`. */
  readonly apiUrl: string;
  readonly key: ApiKey;
  readonly sender: HttpSender;
}

/** @param encode makes the body in each format that the endpoint takes, the one that suits large bodies first */
export async function postToDatadog(
  encode: () => Some<PlainBody>,
  { url, encodings, maxSentBytes, maxInflatedBytes }: Endpoint,
  { key, sender }: DatadogAccess,
  signal?: AbortSignal,
): Promise<Outcome> {
  const formats = tryEncode(encode);
  if (!formats.ok) return formats.outcome;
  const plain = formats.value[0].bytes.length;
  if (plain > maxInflatedBytes) return tooLarge(plain, maxInflatedBytes, "inflated");
  const body = await smallestBody(formats.value, encodings);
  const { length } = body.bytes;
  if (length > maxSentBytes) return tooLarge(length, maxSentBytes, "compressed");
  const post = (): Promise<Outcome> => {
    const headers = {
      ...authorized(key),
      "Content-Type": body.contentType,
      "Content-Encoding": body.encoding,
    };
    return sender.send({ url, method: "POST", headers, body: body.bytes }, signal);
  };
  const outcome = await post();
  if (outcome.kind !== "unauthorized" || !(await key.renew())) return outcome;
  const second = await post();
  return { ...second, bytes: outcome.bytes + second.bytes };
}

/** Asks whether the key, read anew, is accepted. */
export async function checkKey(
  { apiUrl, key, sender }: DatadogAccess,
  signal?: AbortSignal,
): Promise<Outcome> {
  await key.renew();
  const validate: HttpRequest = { url: `${apiUrl}/v1/validate`, method: "GET", headers: authorized(key) };
  return sender.send(validate, signal);
}

function authorized(key: ApiKey): Readonly<Record<string, string>> {
  return { "DD-API-KEY": key.current };
}

/** As few parts as will fit if they are alike: halves of halves would leave payloads half empty. */
function tooLarge(bytes: number, limit: number, how: string): Outcome {
  const reason = `${bytes} bytes ${how}; the intake takes ${limit}`;
  const parts = Math.ceil((1.05 * bytes) / limit);
  return { kind: "too-large", reason, parts, foundBy: "output", bytes: 0 };
}
