/**
 * The smallest body of a request: what it says can be written in more than one format, and compressed in more than
 * one way, and none of these is the smallest of every batch.
 *
 * Promises: of the formats of a small body, each is compressed by each encoding, and the smallest is taken. A large
 * one is only written in the first format and by the first encoding: that is the smallest, or costs little more
 * (docs/decisions/0006-bytes-on-the-wire.md).
 */
import { type Compressed, compress, type Encoding, SMALL_BODY_BYTES } from "./compression.js";

/** A list with at least one entry. */
export type Some<T> = readonly [T, ...T[]];

export interface PlainBody {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface Body extends Compressed {
  readonly contentType: string;
}

/**
 * @param formats the same in each of them, the one that suits large bodies first
 * @param encodings that the endpoint takes, the one that suits large bodies first
 */
export async function smallestBody(formats: Some<PlainBody>, encodings: Some<Encoding>): Promise<Body> {
  let smallest = await compressed(formats[0], encodings[0]);
  for (const format of formats) {
    if (format.bytes.length > SMALL_BODY_BYTES) continue;
    for (const encoding of encodings) {
      if (format === formats[0] && encoding === encodings[0]) continue;
      const body = await compressed(format, encoding);
      if (body.bytes.length < smallest.bytes.length) smallest = body;
    }
  }
  return smallest;
}

async function compressed({ contentType, bytes }: PlainBody, encoding: Encoding): Promise<Body> {
  return { contentType, ...(await compress(bytes, encoding)) };
}
