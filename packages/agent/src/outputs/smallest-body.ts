/**
 * The smallest body of a request: what it says can be written in more than one format, and compressed in more than
 * one way, and none of these is the smallest of every batch.
 *
 * Promises: of small bodies every format is compressed by every encoding, and the smallest is taken. Of large ones
 * the format is chosen by a quick look, and may not be the smallest; what that costs at most is in
 * docs/decisions/0006-bytes-on-the-wire.md.
 */
import { type Compressed, compress, type Encoding, quickBytes, SMALL_BODY_BYTES } from "./compression.js";

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
 * A large body is written in another format than the first only if a quick look shows it this much smaller: what
 * the first may gain over the others by a thorough compression, it has gained where it takes as many bytes.
 */
const CLEARLY_SMALLER = 0.8;

/**
 * @param formats the same in each of them, the one that suits large bodies first
 * @param encodings that the endpoint takes, the one that suits large bodies first
 */
export async function smallestBody(formats: Some<PlainBody>, encodings: Some<Encoding>): Promise<Body> {
  if (formats.some(({ bytes }) => bytes.length > SMALL_BODY_BYTES))
    return compressed(await likeliest(formats), encodings[0]);
  const [first, ...others] = formats.flatMap((format) => encodings.map((encoding) => ({ format, encoding })));
  let smallest = await compressed(first?.format ?? formats[0], first?.encoding ?? encodings[0]);
  for (const { format, encoding } of others) {
    const body = await compressed(format, encoding);
    if (body.bytes.length < smallest.bytes.length) smallest = body;
  }
  return smallest;
}

async function compressed({ contentType, bytes }: PlainBody, encoding: Encoding): Promise<Body> {
  return { contentType, ...(await compress(bytes, encoding)) };
}

async function likeliest([first, ...others]: Some<PlainBody>): Promise<PlainBody> {
  if (others.length === 0) return first;
  const most = CLEARLY_SMALLER * (await quickBytes(first.bytes));
  let chosen = { format: first, bytes: most };
  for (const format of others) {
    const bytes = await quickBytes(format.bytes);
    if (bytes < chosen.bytes) chosen = { format, bytes };
  }
  return chosen.format;
}
