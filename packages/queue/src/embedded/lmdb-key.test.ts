/** The keys of version 0.1.0: whatever that wrote is read back, and nothing else is taken for it. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { readPosition, readText } from "./lmdb-key.js";

const ALL_BUT_SIGN = 0x7fffffffffffffffn;

/** A number as `ordered-binary` writes it, so that bytes are in the order of numbers. */
function numberBytes(score: number): Buffer {
  const double = Buffer.alloc(8);
  double.writeDoubleBE(score);
  const bits = double.readBigUInt64BE(0);
  const isNegative = bits >> 63n === 1n;
  const shifted = ((isNegative ? bits ^ ALL_BUT_SIGN : bits) << 4n) | ((isNegative ? 0n : 1n) << 68n);
  return Buffer.from(shifted.toString(16).padStart(18, "0"), "hex");
}

/** A text as it writes it: its control characters and start are escaped. */
function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  const isEscaped = bytes.length === 0 || (bytes[0] ?? 0) <= 27;
  const characters =
    bytes.length < 64 ? [...bytes].flatMap((byte) => (byte <= 4 ? [4, byte] : [byte])) : [...bytes];
  return Buffer.from(isEscaped ? [27, ...characters] : characters);
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary", maxLength: 12 }).filter((one) => !/\p{Surrogate}/u.test(one)),
  fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }).map((codes) => String.fromCharCode(...codes)),
  fc.constantFrom("x".repeat(63), "x".repeat(64), `x${"\u0004".repeat(80)}`, "x\u0004y", "\u001b", "\u001c"),
);
const score = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, Infinity, -Infinity, 1_700_000_000.123456, -1, 5e-324, -5e-324),
);

it("reads any text and any position", () => {
  fc.assert(
    fc.property(text, score, (id, score) => {
      // Left out: a text that only its escapes make as long as those that aren't escaped.
      fc.pre(Buffer.byteLength(id) >= 64 || textBytes(id).length < 64);
      expect(readText(textBytes(id))).toBe(id);
      const key = Buffer.concat([numberBytes(score), Buffer.of(0), textBytes(id)]);
      expect(readPosition(key)).toEqual({ score, id });
    }),
  );
});

it("takes nothing else for a text or a position", () => {
  for (const first of [0, 1, 4, 5, 8, 26]) expect(readText(Buffer.of(first, 65))).toBeUndefined();
  expect(readText(Buffer.alloc(0))).toBeUndefined();
  expect(readText(Buffer.of(28))).toBe("\u001c");
  const key = (score: Buffer, separator = 0) => Buffer.concat([score, Buffer.of(separator, 65)]);
  const good = numberBytes(1.5);
  expect(readPosition(key(good))).toEqual({ score: 1.5, id: "A" });
  expect(readPosition(key(good, 1))).toBeUndefined();
  expect(readPosition(good)).toBeUndefined();
  expect(readPosition(Buffer.concat([good, Buffer.of(0)]))).toBeUndefined();
  const startingWith = (first: number) => key(Buffer.concat([Buffer.of(first), good.subarray(1)]));
  for (const first of [0, 7, 0x18, 0x20, 0xff])
    expect(readPosition(startingWith(first)), `${first}`).toBeUndefined();
  for (const first of [8, 0x0f, 0x10, 0x17]) {
    const { score = 0 } = readPosition(startingWith(first)) ?? {};
    expect(score < 0, `${first}`).toBe(first < 0x10);
  }
  const notANumber = Buffer.from("17ff8000000000000".padEnd(18, "0"), "hex");
  expect(readPosition(key(notANumber))).toBeUndefined();
});
