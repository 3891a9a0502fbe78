/** Undoes content encodings, up to a limit of the inflated size. */
import { promisify } from "node:util";
import { gunzip, inflate as inflateZlib } from "node:zlib";
import { messageOf } from "@chouette-iot/record";
import { inflateZstd } from "./inflate-zstd.js";

/** `deflate` is the zlib format, as in HTTP. */
export type Encoding = "identity" | "deflate" | "gzip" | "zstd";

type Inflated =
  | { readonly outcome: "inflated"; readonly bytes: Buffer }
  | { readonly outcome: "too large" }
  | { readonly outcome: "malformed"; readonly reason: string };

const ENCODINGS: Readonly<
  Record<Encoding, (body: Buffer, limit: number) => Buffer | undefined | Promise<Buffer>>
> = {
  identity: (body, limit) => (body.length > limit ? undefined : body),
  deflate: (body, limit) => promisify(inflateZlib)(body, { maxOutputLength: limit }),
  gzip: (body, limit) => promisify(gunzip)(body, { maxOutputLength: limit }),
  zstd: inflateZstd,
};

/** Never rejects. @param limit of the inflated bytes */
export async function inflate(body: Buffer, encoding: Encoding, limit: number): Promise<Inflated> {
  try {
    const bytes = await ENCODINGS[encoding](body, limit);
    return bytes === undefined ? { outcome: "too large" } : { outcome: "inflated", bytes };
  } catch (error) {
    if (isTooLarge(error)) return { outcome: "too large" };
    const why = messageOf(error);
    return { outcome: "malformed", reason: `the body is not ${encoding}: ${why}` };
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}
