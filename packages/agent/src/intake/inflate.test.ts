import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inflate } from "./inflate.js";

const text =
  '{"series":[{"metric":"engine.rpm","type":3,"points":[{"timestamp":1700000000,"value":1.5}],"tags":["zone:a","zone:a","zone:a"]}]}';
/** The text above by `zstd -19`: a frame with a window and a checksum. */
const zstandard = Buffer.from(
  "KLUv/QRo3QIAMkYTEZB9EA9RTrS6mf9kFATq+l8lO+0EXJ2HMTs6TpmqDtIuYRx/69R1IMw4Lp+q9F+rFbYoHZDjL3F14E/O8LAx+H58tVn/uUbH6bf51HUDAGCZj+tUNExBAWgFgT0=",
  "base64",
);
/** By the same of a size known beforehand, without a checksum: a frame of a single segment. */
const singleSegment = Buffer.from(
  "KLUv/SCB/QIA8sUTGICpbbDBwO1Jxk+y+Q9HRpQfn7JG7ESmR8ssY8b7QRI+cG1mBYpxvqGAB1shMM5IcdU1d08iyAY4HyHWZkWp/ORx7jMh016dDM7qma6cBAQALHNGxUKcU9EwBQU=",
  "base64",
);

/** A zstd frame with a window of 1 MB and these blocks: each a byte, and how often it is repeated. */
function repeating(blocks: readonly (readonly [byte: number, times: number])[]): Buffer {
  const body = blocks.map(([byte, times], index) => {
    const isLast = index === blocks.length - 1;
    const block = Buffer.alloc(4, byte);
    block.writeUIntLE((times << 3) | (1 << 1) | Number(isLast), 0, 3);
    return block;
  });
  return Buffer.concat([Buffer.from("28b52ffd0050", "hex"), ...body]);
}

const nulls = Buffer.alloc(1_000_000);
const compressed = {
  identity: { good: Buffer.from(text), bomb: nulls },
  deflate: { good: deflateSync(text), bomb: deflateSync(nulls) },
  gzip: { good: gzipSync(text), bomb: gzipSync(nulls) },
  zstd: { good: zstandard, bomb: repeating(Array.from({ length: 10 }, () => [0, 100_000])) },
} as const;
const encodings = ["identity", "deflate", "gzip", "zstd"] as const;

describe("undoing a content encoding", () => {
  it.each(encodings)("gives back what was encoded: %s", async (encoding) => {
    const inflated = await inflate(compressed[encoding].good, encoding, 10_000);
    expect(inflated).toEqual({ outcome: "inflated", bytes: Buffer.from(text) });
  });

  it.each(encodings)("takes what reaches the limit and nothing beyond: %s", async (encoding) => {
    const { bomb } = compressed[encoding];
    const whole = await inflate(bomb, encoding, 1_000_000);
    // Compared by itself: a million bytes are slow to compare as an object.
    expect(whole.outcome === "inflated" && whole.bytes.equals(nulls)).toBe(true);
    expect(await inflate(bomb, encoding, 999_999)).toEqual({ outcome: "too large" });
  });

  it.each(["deflate", "gzip", "zstd"] as const)("refuses every body that is cut: %s", async (encoding) => {
    const { good } = compressed[encoding];
    for (let length = 0; length < good.length; length++) {
      const { outcome } = await inflate(good.subarray(0, length), encoding, 10_000);
      expect(outcome).toBe("malformed");
    }
  });

  it("refuses deflate without the zlib format around it, as HTTP means it", async () => {
    expect(await inflate(deflateRawSync(text), "deflate", 10_000)).toMatchObject({ outcome: "malformed" });
  });

  it("answers to any bytes", async () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const framed = bytes.map((rest) => Buffer.concat([Buffer.from("28b52ffd", "hex"), rest]));
    const body = fc.oneof(
      bytes.map((plain) => Buffer.from(plain)),
      framed,
    );
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(...encodings), async (any, encoding) => {
        expect(["inflated", "malformed", "too large"]).toContain(
          (await inflate(any, encoding, 10_000)).outcome,
        );
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a zstd frame", () => {
  it("may be a single segment", async () => {
    expect(await inflate(singleSegment, "zstd", 10_000)).toEqual({
      outcome: "inflated",
      bytes: Buffer.from(text),
    });
  });

  it.each([
    [
      "asks for a window of over 8 MiB",
      Buffer.from("28b52ffd00700100000000", "hex"),
      "its window of 16777216 bytes",
    ],
    ["is followed by another", Buffer.concat([zstandard, zstandard]), "its frame ends at byte"],
    ["is skippable", Buffer.from("502a4d1801000000ff", "hex"), "does not begin as a zstd frame"],
  ])("is refused where it %s", async (_, body, reason) => {
    expect(await inflate(body, "zstd", 10_000)).toMatchObject({
      outcome: "malformed",
      reason: expect.stringContaining(reason),
    });
  });
});
