/** Compression of request bodies, off the main thread. */
import { promisify } from "node:util";
import { deflate } from "node:zlib";

const deflateBody = promisify(deflate);

export interface Compressed {
  readonly encoding: "deflate";
  readonly bytes: Uint8Array;
}

/** The most that deflate can do: on a metered link a little more computing is cheaper than a byte. */
export async function compress(body: Uint8Array | string): Promise<Compressed> {
  return { encoding: "deflate", bytes: await deflateBody(body, { level: 9 }) };
}
