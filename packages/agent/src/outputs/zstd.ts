/**
 * Zstandard: Node's own where it has it (from 22.15 on, off the main thread), else one in WebAssembly, loaded
 * when it is first asked for. Which one, which levels and what they gain: docs/decisions/0006-bytes-on-the-wire.md.
 */
import { promisify } from "node:util";
import * as zlib from "node:zlib";

/** Up to this many bytes a body is worth the higher level: beyond, it takes long and gains next to nothing. */
const SMALL_BODY_BYTES = 64 * 1024;
const SMALL_BODY_LEVEL = 19;
const LARGE_BODY_LEVEL = 9;

export type ZstdEncoder = (body: Uint8Array) => Promise<Uint8Array>;

let encoder: Promise<ZstdEncoder | undefined> | undefined;

/** The encoder, or undefined where this Node has none of its own and can't run WebAssembly either. */
export function zstdEncoder(): Promise<ZstdEncoder | undefined> {
  encoder ??= (async () => nativeEncoder() ?? (await wasmEncoder()))().catch(() => undefined);
  return encoder;
}

function levelFor(body: Uint8Array): number {
  return body.length <= SMALL_BODY_BYTES ? SMALL_BODY_LEVEL : LARGE_BODY_LEVEL;
}

/** What newer Nodes have in `node:zlib`; the types are those of the oldest Node that is supported. */
interface ZlibWithZstd {
  zstdCompress(
    body: Uint8Array,
    options: { readonly params: Readonly<Record<number, number>> },
    done: (error: Error | null, compressed: Uint8Array) => void,
  ): void;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

function nativeEncoder(): ZstdEncoder | undefined {
  if (!("zstdCompress" in zlib)) return undefined;
  const { zstdCompress, constants } = zlib as unknown as ZlibWithZstd;
  const encode = promisify(zstdCompress);
  return (body) => encode(body, { params: { [constants.ZSTD_c_compressionLevel]: levelFor(body) } });
}

async function wasmEncoder(): Promise<ZstdEncoder> {
  const { init, compress } = await import("@bokuweb/zstd-wasm");
  await init();
  return async (body) => compress(body, levelFor(body));
}
