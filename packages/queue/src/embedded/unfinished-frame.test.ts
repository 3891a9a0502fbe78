/** A process that is killed during a write loses nothing: the unfinished frame was never confirmed. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { ByteWriter } from "./bytes.js";
import { numberOf, segmentName } from "./file-names.js";
import { realFiles } from "./files.js";
import { FRAME_HEADER_BYTES, fileSeed, framesIn, isUnfinished, writeFrame } from "./frame.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

const QUEUE = "chouette:metrics:raw";
const BOOT = "this boot";

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

const open = (boot = BOOT) => openEmbeddedStore({ folder: folder.path, boot });

/** Stores five records and "kills" the process: what is in its folder is copied before it closes the store. */
async function killedAfterFive(): Promise<{ readonly last: string; readonly number: number }> {
  const { store } = await open();
  for (let n = 0; n < 5; n++) await store.append(QUEUE, [{ score: n, id: `${n}`, value: "x".repeat(100) }]);
  const names = (await realFiles.list(folder.path)).filter((name) => numberOf("journal", name) !== undefined);
  const files = names.map(
    (name) => [join(folder.path, name), readFileSync(join(folder.path, name))] as const,
  );
  await store.close();
  for (const [path, bytes] of files) writeFileSync(path, bytes);
  const number = Math.max(...names.map((name) => numberOf("journal", name) ?? 0));
  return { last: join(folder.path, segmentName(number)), number };
}

/** A frame as the next one would be, cut off after so many bytes. */
function beginningOf(file: string, number: number, bytes: number): Buffer {
  const frames = [...framesIn(readFileSync(file), fileSeed("journal", number), () => {})];
  const writer = new ByteWriter();
  const sequence = (frames.at(-1)?.sequence ?? 0) + 1;
  writeFrame(writer, { sequence, seed: 0 }, (body) => body.skip(10_000));
  return Buffer.from(writer.bytes.subarray(0, bytes));
}

describe("a frame that was being written when the process was killed", () => {
  it.each([1, 4, 17, 18, 5_000])("is no loss: %d bytes of it", async (bytes) => {
    const { last, number } = await killedAfterFive();
    appendFileSync(last, beginningOf(last, number, bytes));
    for (let start = 0; start < 2; start++) {
      const { store, losses } = await open();
      expect(losses).toBeUndefined();
      expect(await store.size(QUEUE)).toBe(5);
      expect(await store.counters()).toEqual(new Map());
      await store.close();
    }
  });

  it.each([0, 1, 18, 5_000])("is no loss if it was a segment's first: %d bytes of it", async (bytes) => {
    const { last, number } = await killedAfterFive();
    const path = join(folder.path, segmentName(number + 1));
    writeFileSync(path, beginningOf(last, number, bytes));
    for (let start = 0; start < 2; start++) {
      const { store, losses } = await open();
      // If it is killed again, the next start finds no damage in the middle of the journal.
      expect(existsSync(path) ? readFileSync(path).length : 0).toBe(0);
      expect(losses).toBeUndefined();
      expect(await store.size(QUEUE)).toBe(5);
      await store.close();
    }
  });

  it("may have been confirmed, if the machine was started again since", async () => {
    const { last, number } = await killedAfterFive();
    appendFileSync(last, beginningOf(last, number, 5_000));
    const { store, losses } = await open("the next boot");
    expect(losses).toMatchObject({ isUnknown: true, isPowerLost: true });
    await store.close();
  });

  it("isn't taken for one if its bytes are others", async () => {
    const { last } = await killedAfterFive();
    appendFileSync(last, Buffer.alloc(5_000, 7));
    const { store, losses } = await open();
    expect(losses).toMatchObject({ isUnknown: true });
    await store.close();
  });
});

it("a frame is unfinished only if it is the next one and longer than the file", async () => {
  const { last, number } = await killedAfterFive();
  const frame = beginningOf(last, number, FRAME_HEADER_BYTES + 10);
  const next = frame.readUIntLE(12, 6);
  expect(isUnfinished(frame, 0, next)).toBe(true);
  expect(isUnfinished(frame, 0, next - 1)).toBe(true);
  expect(isUnfinished(frame, 0, next + 1)).toBe(false);
  frame.writeUInt32LE(10, 8);
  expect(isUnfinished(frame, 0, next)).toBe(false);
});
