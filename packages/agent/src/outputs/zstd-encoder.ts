/**
 * The Zstandard encoder: Node's own (since 22.15, off the main thread), else one in WebAssembly, loaded when it is first
 * needed. For the choice, see docs/decisions/0006-bytes-on-the-wire.md.
 */
import { promisify } from "node:util";
import * as zlib from "node:zlib";

export type ZstdEncoder = (body: Uint8Array, level: number) => Promise<Uint8Array>;

let encoder: Promise<ZstdEncoder | undefined> | undefined;

/** The encoder; undefined if Node neither has one nor can run WebAssembly. Never rejects. */
export function zstdEncoder(): Promise<ZstdEncoder | undefined> {
  encoder ??= (async () => nativeEncoder() ?? (await wasmEncoder()))().catch(() => undefined);
  return encoder;
}

/** In `node:zlib` of newer versions; the types are those of the oldest supported Node. */
interface ZlibWithZstd {
  zstdCompress(
    body: Uint8Array,
    options: { readonly params: Readonly<Record<number, number>>; readonly pledgedSrcSize: number },
    done: (error: Error | null, compressed: Uint8Array) => void,
  ): void;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

function nativeEncoder(): ZstdEncoder | undefined {
  if (!("zstdCompress" in zlib)) return undefined;
  const { zstdCompress, constants } = zlib as unknown as ZlibWithZstd;
  const encode = promisify(zstdCompress);
  return (body, level) =>
    encode(body, {
      params: { [constants.ZSTD_c_compressionLevel]: level },
      // Without it, the encoder allocates tables for any length: 80 MB and 40 ms at level 19.
      pledgedSrcSize: body.length,
    });
}

async function wasmEncoder(): Promise<ZstdEncoder> {
  const { init, compress } = await import("@bokuweb/zstd-wasm");
  await init();
  return async (body, level) => compress(body, level);
}
