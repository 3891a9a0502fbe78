/** Compression of request bodies: on a metered link a little more computing is cheaper than a byte. */
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { zstdEncoder } from "./zstd-encoder.js";

export type Encoding = "deflate" | "zstd";

export interface Compressed {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

/** Up to this many bytes a body is worth the most that an encoding can do, and more than one try. */
export const SMALL_BODY_BYTES = 64 * 1024;
/** Beyond this many, zstd's better parsers take seconds of a small device's time and tens of megabytes. */
const LARGE_BODY_BYTES = 512 * 1024;

const deflateBody = promisify(deflate);

/**
 * The most that the encoding can do within reason: docs/decisions/0006-bytes-on-the-wire.md.
 *
 * @param encoding `zstd` is for endpoints that take it; where no encoder can be had, it is deflate all the same
 */
export function compress(body: Uint8Array, encoding: Encoding): Promise<Compressed> {
  return ENCODERS[encoding](body);
}

const ENCODERS: Readonly<Record<Encoding, (body: Uint8Array) => Promise<Compressed>>> = {
  deflate: deflated,
  zstd: async (body) => {
    const encode = await zstdEncoder();
    if (encode === undefined) return deflated(body);
    return { encoding: "zstd", bytes: await encode(body, zstdLevel(body.length)) };
  },
};

async function deflated(body: Uint8Array): Promise<Compressed> {
  return { encoding: "deflate", bytes: await deflateBody(body, { level: 9 }) };
}

function zstdLevel(bytes: number): number {
  if (bytes <= SMALL_BODY_BYTES) return 19;
  return bytes <= LARGE_BODY_BYTES ? 17 : 9;
}
