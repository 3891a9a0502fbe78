/**
 * Requests to Datadog's intake: posts a body with the API key, within the endpoint's limits, and validates the key.
 *
 * If the key isn't accepted, it is read again, and if it has changed, the request is made once more.
 */
import type { ApiKey } from "./api-key.js";
import type { HttpSender } from "./http.js";
import { type Encoded, type Outcome, type Output, tryEncode } from "./output.js";
import {
  type Body,
  type Endpoint,
  type NonEmptyArray,
  type PlainBody,
  smallestBody,
} from "./smallest-body.js";
import type { Purpose } from "./wire-meter.js";

export interface DatadogAccess {
  /** Base URL of the API, such as `https://api.datadoghq.com/api`. */
  readonly apiUrl: string;
  readonly key: ApiKey;
  readonly sender: HttpSender;
  /** Of the requests. */
  readonly purpose: Purpose;
  /** The current host name: a device may get its name late at boot. */
  hostName(): string;
}

/** An output that posts each batch to one endpoint in one format. @param encode the body of a batch */
export function datadogOutput<T>(
  endpoint: Endpoint,
  contentType: string,
  access: DatadogAccess,
  encode: (batch: readonly T[], host: string) => string | Uint8Array,
): Output<T> {
  return {
    async send(batch, signal) {
      const body = await smallestWithinLimits(() => {
        const text = encode(batch, access.hostName());
        return [{ endpoint, contentType, bytes: typeof text === "string" ? Buffer.from(text) : text }];
      });
      return body.ok ? postBody(body.value, access, signal) : body.outcome;
    },
    check: (signal) => checkKey(access, signal),
    close: () => access.sender.close(),
  };
}

/** The smallest body, or the outcome if the batch can't be encoded or is over the endpoint's limits. */
export async function smallestWithinLimits(encode: () => NonEmptyArray<PlainBody>): Promise<Encoded<Body>> {
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

/** Reads the key again and asks Datadog whether it is valid. */
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

/** Split into as few parts as will probably fit: repeated halving would leave payloads half empty. */
function tooLarge(bytes: number, limit: number, how: string): Outcome {
  const reason = `${bytes} bytes ${how}; the intake takes ${limit}`;
  const parts = Math.ceil((1.05 * bytes) / limit);
  return { kind: "too-large", reason, parts, foundBy: "output", bytes: 0 };
}
