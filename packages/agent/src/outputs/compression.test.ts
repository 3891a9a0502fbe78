import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { inflate } from "../intake/inflate.js";
import { compress } from "./compression.js";
import { zstdEncoder } from "./zstd-encoder.js";

describe("compression", () => {
  it.each([
    "deflate",
    "zstd",
  ] as const)("is undone by the intake, small bodies and large: %s", async (encoding) => {
    for (const size of [0, 1, 1_000, 64 * 1024, 64 * 1024 + 1, 2_000_000]) {
      const body = Buffer.concat([randomBytes(size >> 1), Buffer.alloc(size - (size >> 1), "abc")]);
      const compressed = await compress(body, encoding);
      expect(compressed.encoding).toBe(encoding);
      const inflated = await inflate(Buffer.from(compressed.bytes), encoding, size + 1);
      expect(inflated.outcome === "inflated" && inflated.bytes.equals(body)).toBe(true);
    }
  });

  it.each([
    [64 * 1024, 19],
    [64 * 1024 + 1, 17],
    [512 * 1024, 17],
    [512 * 1024 + 1, 9],
  ])("of %d bytes by zstd has level %d", async (size, level) => {
    // Half of it random letters, in which the levels find different matches.
    const body = Buffer.from(randomBytes(size).map((byte, at) => (at % 7 < 4 ? 97 + (byte & 3) : 97)));
    const encode = await zstdEncoder();
    const atLevel = await encode?.(body, level);
    expect(Buffer.from((await compress(body, "zstd")).bytes).equals(Buffer.from(atLevel ?? []))).toBe(true);
  });
});
