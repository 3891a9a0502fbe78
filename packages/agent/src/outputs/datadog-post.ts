/**
 * Datadog's intake: a body posted with the key, within the endpoint's limits, and the key's own check.
 *
 * A key that isn't accepted is read again, and where it is another one by then, tried once more.
 */
import type { ApiKey } from "./api-key.js";
import type { HttpSender } from "./http.js";
import { type Outcome, tryEncode } from "./output.js";
import { type Body, type PlainBody, type Some, smallestBody } from "./smallest-body.js";
import type { Purpose } from "./wire-meter.js";

export interface DatadogAccess {
  /** The API's base, as in `https://api.datadoghq.com/api`. */
  readonly apiUrl: string;
  readonly key: ApiKey;
  readonly sender: HttpSender;
  /** Of what is posted. */
  readonly purpose: Purpose;
}

/** @param encode makes the body in each format that may be sent, the one that suits large bodies first */
export async function postToDatadog(
  encode: () => Some<PlainBody>,
  access: DatadogAccess,
  signal?: AbortSignal,
): Promise<Outcome> {
  const body = await smallestWithinLimits(encode);
  return body.ok ? postBody(body.value, access, signal) : body.outcome;
}

export type MadeBody =
  | { readonly ok: true; readonly value: Body }
  | { readonly ok: false; readonly outcome: Outcome };

/** The smallest body, or the outcome if the batch can't be encoded or is over the endpoint's limits. */
export async function smallestWithinLimits(encode: () => Some<PlainBody>): Promise<MadeBody> {
  const formats = tryEncode(encode);
  if (!formats.ok) return formats;
  const [{ bytes, endpoint }] = formats.value;
  if (bytes.length > endpoint.maxInflatedBytes)
    return { ok: false, outcome: tooLarge(bytes.length, endpoint.maxInflatedBytes, "inflated") };
  const body = await smallestBody(formats.value);
  const { length } = body.bytes;
  const { maxSentBytes } = body.endpoint;
  if (length > maxSentBytes) return { ok: false, outcome: tooLarge(length, maxSentBytes, "compressed") };
  return { ok: true, value: body };
}

export async function postBody(
  { endpoint: { url }, contentType, encoding, bytes }: Body,
  { key, sender, purpose }: DatadogAccess,
  signal?: AbortSignal,
): Promise<Outcome> {
  const post = (): Promise<Outcome> => {
    const headers = { ...authorized(key), "Content-Type": contentType, "Content-Encoding": encoding };
    return sender.send({ url, purpose, method: "POST", headers, body: bytes }, signal);
  };
  const outcome = await post();
  if (outcome.kind !== "unauthorized" || !(await key.renew())) return outcome;
  const second = await post();
  return { ...second, bytes: outcome.bytes + second.bytes };
}

/** Asks whether the key, read again, is accepted. */
export async function checkKey(
  { apiUrl, key, sender }: DatadogAccess,
  signal?: AbortSignal,
): Promise<Outcome> {
  await key.renew();
  const validate = { url: `${apiUrl}/v1/validate`, purpose: "validation", method: "GET" } as const;
  return sender.send({ ...validate, headers: authorized(key) }, signal);
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
