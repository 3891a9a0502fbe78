/**
 * The smallest body of a request: what it says can be written in more than one format, and compressed in more than
 * one way, and none of these is the smallest of every batch.
 *
 * Promises: of the formats of a small body, each is compressed by each encoding that its endpoint takes, and the smallest is
 * taken. A large one is only written in the first format and by its first encoding: that is the smallest, or costs little
 * more. If it hardly shrinks, the next large format is tried as well (docs/decisions/0006-bytes-on-the-wire.md).
 */
import { type Compressed, compress, type Encoding, SMALL_BODY_BYTES } from "./compression.js";

/** A list with at least one entry. */
export type Some<T> = readonly [T, ...T[]];

export interface Endpoint {
  readonly url: string;
  /** Those that it takes, the one that suits large bodies first. */
  readonly encodings: Some<Encoding>;
  /** The largest body that the intake takes, in bytes, as sent and inflated. */
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

/** Of its plain size: a large body that takes more than this holds noise, of which another format may make less. */
const NOISE = 0.5;

/** @param formats the same in each of them, the one that suits large bodies first; each within its endpoint's limits */
export async function smallestBody(formats: Some<PlainBody>): Promise<Body> {
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
