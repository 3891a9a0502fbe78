/** Compression of request bodies: on a metered link a little more computing is cheaper than a byte. */
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { zstdEncoder } from "./zstd.js";

export type Encoding = "deflate" | "zstd";

export interface Compressed {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

const deflateBody = promisify(deflate);

/**
 * The most that the encoding can do within reason.
 *
 * @param encoding `zstd` is for endpoints that take it; where no encoder can be had, it is deflate all the same
 */
export async function compress(body: Uint8Array, encoding: Encoding): Promise<Compressed> {
  const zstd = encoding === "zstd" ? await zstdEncoder() : undefined;
  if (zstd !== undefined) return { encoding: "zstd", bytes: await zstd(body) };
  return { encoding: "deflate", bytes: await deflateBody(body, { level: 9 }) };
}
