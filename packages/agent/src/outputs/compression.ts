/** Compression of request bodies: on a metered link, CPU time is cheaper than bytes. */
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { zstdEncoder } from "./zstd-encoder.js";

export type Encoding = "deflate" | "zstd";

export interface Compressed {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

/** Up to this size, a body is compressed at the highest level, and in several encodings. */
export const SMALL_BODY_BYTES = 64 * 1024;
/** Beyond this size, zstd's best levels take seconds on a small device, and tens of megabytes. */
const LARGE_BODY_BYTES = 512 * 1024;

const deflateBody = promisify(deflate);

/**
 * Compresses at the highest level that is reasonable for the size: docs/decisions/0006-bytes-on-the-wire.md.
 *
 * @param encoding `zstd` only for endpoints that accept it; without an encoder, deflate is used instead
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
