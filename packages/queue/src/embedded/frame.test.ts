/** Damage costs the frames that contain it, and no bytes are taken for a frame that wasn't written there. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteWriter } from "./bytes.js";
import {
  beginsWithMagic,
  FRAME_HEADER_BYTES,
  fileSeed,
  frameAt,
  framesIn,
  isUnfinished,
  writeFrame,
} from "./frame.js";

const SEED = fileSeed("journal", 3);
const MAGIC = Buffer.from("CHF1");

/** Bodies, of which some contain what looks like the start of a frame. */
const body = fc
  .array(fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constant(new Uint8Array(MAGIC))), { maxLength: 4 })
  .map((parts) => Buffer.concat(parts));
const frames = fc.array(fc.record({ sequence: fc.nat(2 ** 48 - 1), body }), { minLength: 1, maxLength: 6 });

function fileOf(
  written: readonly { readonly sequence: number; readonly body: Buffer }[],
  seed = SEED,
): Buffer {
  const writer = new ByteWriter(1);
  for (const { sequence, body } of written) {
    writeFrame(writer, { sequence, seed }, (into) => into.raw(body));
  }
  return Buffer.from(writer.bytes);
}

interface Scanned {
  readonly found: readonly { readonly sequence: number; readonly body: Buffer }[];
  readonly damage: readonly (readonly [start: number, length: number])[];
  readonly ranges: readonly (readonly [start: number, length: number])[];
}

function scan(bytes: Buffer, seed = SEED): Scanned {
  const damage: [number, number][] = [];
  const all = [...framesIn(bytes, seed, (start, length) => damage.push([start, length]))];
  return {
    found: all.map(({ sequence, body }) => ({ sequence, body: Buffer.from(body) })),
    ranges: all.map(({ start, end }) => [start, end - start]),
    damage,
  };
}

it("frames are found again, each with its place, and nothing else is damage", () => {
  fc.assert(
    fc.property(frames, (written) => {
      const bytes = fileOf(written);
      const { found, damage, ranges } = scan(bytes);
      expect(found).toEqual(written);
      expect(damage).toEqual([]);
      let at = 0;
      for (const [index, { body }] of written.entries()) {
        expect(ranges[index]).toEqual([at, FRAME_HEADER_BYTES + body.length]);
        at += FRAME_HEADER_BYTES + body.length;
      }
      expect(at).toBe(bytes.length);
    }),
  );
});

it("a changed byte costs one frame, whose bytes are reported, and one that was cut out costs no other either", () => {
  fc.assert(
    fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, place, flip) => {
      const bytes = fileOf(written);
      const { ranges } = scan(bytes);
      const at = place % bytes.length;
      const hit = ranges.findIndex(([start, length]) => at >= start && at < start + length);
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      const { found, damage } = scan(damaged);
      expect(found).toEqual(written.filter((_, index) => index !== hit));
      expect(damage).toEqual([ranges[hit]]);

      const [start = 0] = ranges[hit] ?? [];
      const cut = scan(bytes.subarray(0, at));
      expect(cut.found).toEqual(written.slice(0, hit));
      expect(cut.damage).toEqual(at > start ? [[start, at - start]] : []);
    }),
  );
});

it("garbage between frames is reported as it lies, however long", () => {
  fc.assert(
    fc.property(frames, frames, fc.uint8Array({ minLength: 1, maxLength: 50 }), (before, after, garbage) => {
      const head = fileOf(before);
      const junk = Buffer.concat([Buffer.from(garbage), MAGIC, Buffer.alloc(3)]);
      const at = head.length + junk.length;
      const tail = fileOf(after, SEED + at);
      const { found, damage } = scan(Buffer.concat([head, junk, tail]));
      expect(found).toEqual([...before, ...after]);
      expect(damage).toEqual([[head.length, junk.length]]);
    }),
  );
});

it("a frame is valid only in its file and at its place there", () => {
  const [frame] = [fileOf([{ sequence: 1, body: Buffer.from("body") }])];
  expect(frameAt(frame, 0, SEED)).toMatchObject({ sequence: 1, start: 0, end: frame.length });
  expect(frameAt(frame, 0, SEED + 1)).toBeUndefined();
  expect(frameAt(Buffer.concat([Buffer.alloc(1), frame]), 1, SEED)).toBeUndefined();
  expect(frameAt(Buffer.concat([Buffer.alloc(1), frame]), 1, SEED - 1)).toMatchObject({ start: 1 });
  const seeds = [0, 1, 2, 3, 4].flatMap((number) => [fileSeed("journal", number), fileSeed("run", number)]);
  expect(new Set(seeds).size).toBe(seeds.length);
  for (const seed of seeds) {
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
    // Files are large: seeds of neighbours must not meet within one.
    expect(seeds.filter((other) => Math.abs(other - seed) < 2 ** 26)).toEqual([seed]);
  }
});

it("only the next frame, cut off anywhere, counts as unfinished", () => {
  const next = 1_000;
  const bytes = fileOf([{ sequence: next, body: Buffer.alloc(50, 7) }]);
  for (let length = 1; length < bytes.length; length++) {
    const cut = Buffer.concat([Buffer.from("before"), bytes.subarray(0, length)]);
    expect(isUnfinished(cut, 6, next), `${length} bytes`).toBe(true);
    expect(beginsWithMagic(bytes.subarray(0, length))).toBe(length >= 4);
    cut[6] = (cut[6] ?? 0) ^ 1;
    expect(isUnfinished(cut, 6, next), `${length} damaged bytes`).toBe(false);
  }
  // A whole frame that is invalid is damaged, and so is one with a number that can't be next.
  expect(isUnfinished(bytes, 0, next)).toBe(false);
  const begun = bytes.subarray(0, 30);
  for (const [expected, is] of [
    [next, true],
    // Failed writes leave numbers unused.
    [next - 999_999, true],
    [next - 1_000_000, false],
    [next + 1, false],
  ] as const)
    expect(isUnfinished(begun, 0, expected)).toBe(is);
  // Its header alone tells the same.
  expect(isUnfinished(bytes.subarray(0, FRAME_HEADER_BYTES), 0, next + 1)).toBe(false);
  expect(isUnfinished(fileOf([{ sequence: next, body: Buffer.alloc(0) }]), 0, next)).toBe(false);
  expect(beginsWithMagic(Buffer.from("CHF2"))).toBe(false);
});
