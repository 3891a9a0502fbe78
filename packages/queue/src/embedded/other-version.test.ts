/** Files that another version of Chouette wrote, as before a downgrade: moved away as they are, reported, and not misread. */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { until } from "../../../../tests/support/until.js";
import { ByteWriter } from "./bytes.js";
import { JOURNAL_VERSION } from "./change.js";
import { readChange, writeChange } from "./change-codec.js";
import { numberOf } from "./file-names.js";
import { realFiles } from "./files.js";
import { fileSeed, framesIn, writeFrame } from "./frame.js";
import { openEmbeddedStore } from "./open-embedded-store.js";
import { HEAD_SEQUENCE, RUN_VERSION } from "./run-format.js";

const QUEUE = "chouette:metrics:raw";
const RECORDS = 200;
/** So small that most records are in runs. */
const LIMITS = { segmentBytes: 20_000, memoryBytes: 20_000, segments: 3, carriedBytes: 5_000 };
/** Behind the text "run" and its length. */
const VERSION_AT = 4;

type Kind = "journal" | "run";

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

const open = () => openEmbeddedStore({ folder: folder.path, limits: LIMITS });

/** The body of a frame with the next version's number, if a version is in it. */
const NEXT_VERSION: Readonly<Record<Kind, (body: Buffer, sequence: number) => Buffer>> = {
  journal: (body) => {
    const { mark } = readChange(body);
    const changed = Buffer.from(body);
    if (mark?.kind !== "opened") return changed;
    // The mark is what a body ends with, and the version is behind its first byte.
    const writer = new ByteWriter();
    writeChange(writer, { mark });
    changed[changed.length - writer.length + 1] = JOURNAL_VERSION + 1;
    return changed;
  },
  run: (body, sequence) => {
    const changed = Buffer.from(body);
    if (sequence === HEAD_SEQUENCE) changed[VERSION_AT] = RUN_VERSION + 1;
    return changed;
  },
};

/** Gives all files of a kind the next version's number. @returns their content by name */
async function rewrite(kind: Kind): Promise<ReadonlyMap<string, Buffer>> {
  const names = (await realFiles.list(folder.path)).filter((name) => numberOf(kind, name) !== undefined);
  return new Map(
    names.map((name) => {
      const path = join(folder.path, name);
      const seed = fileSeed(kind, numberOf(kind, name) ?? 0);
      const bytes = readFileSync(path);
      for (const { sequence, body, start } of framesIn(Buffer.from(bytes), seed, () => {})) {
        const writer = new ByteWriter();
        writeFrame(writer, { sequence, seed: seed + start }, (frame) =>
          frame.raw(NEXT_VERSION[kind](body, sequence)),
        );
        writer.bytes.copy(bytes, start);
      }
      writeFileSync(path, bytes);
      return [name, bytes];
    }),
  );
}

it.each(["journal", "run"] as const)("a %s of the next version", async (kind) => {
  const { store } = await open();
  for (let n = 0; n < RECORDS; n++)
    await store.append(QUEUE, [{ score: n, id: `id-${n}`, value: "x".repeat(500) }]);
  await until("runs", () => store.disk().runs > 0);
  await store.close();
  const rewritten = await rewrite(kind);
  expect(rewritten.size).toBeGreaterThan(0);

  const { store: older, losses } = await open();
  if (kind === "journal")
    expect(losses).toMatchObject({ isOtherVersion: true, isUnknown: true, isPowerLost: false });
  for (const [name, bytes] of rewritten)
    expect(readFileSync(join(losses?.movedTo ?? "", basename(name))).equals(bytes), name).toBe(true);
  const left = await older.size(QUEUE);
  expect(left).toBeLessThan(RECORDS);
  const lost = losses?.lost.get(QUEUE) ?? 0;
  expect(losses?.isUnknown === true || left + lost === RECORDS).toBe(true);
  await older.append(QUEUE, [{ score: 1, id: "new", value: "{}" }]);
  expect(await older.size(QUEUE)).toBe(left + 1);
  await older.close();
});
