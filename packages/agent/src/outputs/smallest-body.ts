/**
 * Finds the smallest body of a request. The same records can be written in several formats and compressed in several ways,
 * and none of them is the smallest for every batch.
 *
 * Promises: a small body is compressed in each of its formats with each encoding that the endpoint accepts, and the smallest
 * result is used. A large one is compressed only in the first format and with its first encoding, which is the smallest or
 * costs little more. If it hardly shrinks, the next format for large bodies is tried, too
 * (docs/decisions/0006-bytes-on-the-wire.md).
 */
import { type Compressed, compress, type Encoding, SMALL_BODY_BYTES } from "./compression.js";

/** A list with at least one entry. */
export type NonEmptyArray<T> = readonly [T, ...T[]];

export interface Endpoint {
  readonly url: string;
  /** Accepted encodings, the one that suits large bodies first. */
  readonly encodings: NonEmptyArray<Encoding>;
  /** Limits of a body in bytes, as sent and inflated. */
  readonly maxSentBytes: number;
  readonly maxInflatedBytes: number;
}

export interface PlainBody {
  readonly endpoint: Endpoint;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface Body extends Compressed {
  readonly endpoint: Endpoint;
  readonly contentType: string;
}

/** A large body that takes more than this share of its plain size contains noise, which another format may write shorter. */
const NOISE = 0.5;

/** @param formats the same records in each format, the one that suits large bodies first; each within its endpoint's limits */
export async function smallestBody(formats: NonEmptyArray<PlainBody>): Promise<Body> {
  const [first] = formats;
  let smallest = await compressed(first, first.endpoint.encodings[0]);
  for (const format of formats) {
    const isLarge = format.bytes.length > SMALL_BODY_BYTES;
    if (isLarge && smallest.bytes.length < NOISE * first.bytes.length) continue;
    const [best, ...others] = format.endpoint.encodings;
    for (const encoding of isLarge ? [best] : [best, ...others]) {
      if (format === first && encoding === best) continue;
      const body = await compressed(format, encoding);
      if (body.bytes.length < smallest.bytes.length) smallest = body;
    }
  }
  return smallest;
}

async function compressed({ endpoint, contentType, bytes }: PlainBody, encoding: Encoding): Promise<Body> {
  return { endpoint, contentType, ...(await compress(bytes, encoding)) };
}
