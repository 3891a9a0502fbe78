import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteReader, ByteWriter, MalformedBytes } from "./bytes.js";

/** Any string, also with lone surrogates. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);
const item = fc.oneof(
  fc.record({ kind: fc.constant("text" as const), value: text }),
  fc.record({ kind: fc.constant("varint" as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant("double" as const), value: fc.double() }),
  fc.record({ kind: fc.constant("byte" as const), value: fc.integer({ min: 0, max: 255 }) }),
);

it("reads back whatever was written, in its order, and can go past it unread", () => {
  fc.assert(
    fc.property(fc.array(item), (items) => {
      const writer = new ByteWriter(1);
      for (const { kind, value } of items) {
        if (kind === "text") writer.text(value);
        else writer[kind](value);
      }
      const bytes = Buffer.from(writer.bytes);
      const reader = new ByteReader(bytes);
      expect(items.map(({ kind }) => reader[kind]())).toEqual(items.map(({ value }) => value));
      expect(reader.atEnd).toBe(true);
      const passing = new ByteReader(bytes);
      for (const { kind } of items) {
        if (kind === "text") passing.skipText();
        else if (kind === "double") passing.skipDouble();
        else passing[kind]();
      }
      expect(passing.position).toBe(bytes.length);
    }),
  );
});

it("throws for bytes that are cut off", () => {
  fc.assert(
    fc.property(item, fc.nat(), ({ kind, value }, cut) => {
      const writer = new ByteWriter();
      if (kind === "text") writer.text(value);
      else writer[kind](value);
      const reader = new ByteReader(Buffer.from(writer.bytes.subarray(0, cut % writer.length)));
      expect(() => reader[kind]()).toThrow(MalformedBytes);
    }),
  );
});
