import { MAX_ID_BYTES } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { newFolder } from "../../../../../tests/support/folders.js";
import {
  argumentOf,
  fromStoredId,
  fromStoredValue,
  toStoredId,
  toStoredValue,
  toWireText,
} from "./byte-text.js";

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: "binary", maxLength: 40 }).map((text) => Buffer.from(text)),
  fc
    .array(fc.constantFrom("bytes:", "\0b", "\0t", "\0", "\x1f", "\ufffd", "é", "a", "AAAA"), {
      maxLength: 6,
    })
    .map((parts) => Buffer.from(parts.join(""))),
);
const asArgument = (bytes: Buffer) => argumentOf(bytes, 0, bytes.length);

it("gives the same bytes back, whatever they are: as an argument, a stored value, a stored id", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const argument = asArgument(bytes);
      const wire = bytes.toString("latin1");
      expect(toWireText(argument)).toBe(wire);
      expect(toWireText(fromStoredValue(toStoredValue(argument)))).toBe(wire);
      const id = toStoredId(argument);
      if (bytes.length === 0) expect(id).toBeUndefined();
      else expect(toWireText(fromStoredId(id ?? ""))).toBe(wire);
    }),
  );
});

it("stores what is text, and no escape itself, as it is", () => {
  for (const text of ['{"metric":"é😀"}', "8f0e-1", "\ufffd", "bytes"]) {
    expect(toStoredValue(asArgument(Buffer.from(text)))).toBe(text);
    expect(toStoredId(asArgument(Buffer.from(text)))).toBe(text);
  }
});

it("takes ids up to their limit, in bytes of their stored form", () => {
  expect(toStoredId("x".repeat(MAX_ID_BYTES))).toBeDefined();
  expect(toStoredId("x".repeat(MAX_ID_BYTES + 1))).toBeUndefined();
  expect(toStoredId("é".repeat(MAX_ID_BYTES / 2 + 1))).toBeUndefined();
  expect(toStoredId("\0".repeat(763))).toBeDefined();
  expect(toStoredId("\0".repeat(764))).toBeUndefined();
});

it("has every id of any bytes leave the store again, long ones with control characters too", async () => {
  const folder = await newFolder();
  const { store } = await openEmbeddedStore({ folder: folder.path });
  onTestFinished(async () => {
    await store.close();
    await folder.remove();
  });
  const ids = fc.array(
    fc.uint8Array({ minLength: 60, maxLength: 700, max: 5 }).map((bytes) => Buffer.from(bytes)),
    { minLength: 1, maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(ids, async (ids) => {
      const queue = "chouette:metrics:raw";
      const stored = new Set(ids.map((id) => toStoredId(asArgument(id)) ?? ""));
      await store.write([...stored].map((id) => ({ queue, id, score: 1, value: "{}" })));
      const records = await store.read(queue, { limit: 100 });
      expect(new Set(records.map(({ id }) => id))).toEqual(stored);
      await store.settle({ remove: [{ queue, records }] });
      expect(await store.size(queue)).toBe(0);
    }),
    { numRuns: 50 },
  );
});
