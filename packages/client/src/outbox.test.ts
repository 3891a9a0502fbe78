/** What waits in memory: bounded, each record settled once, the oldest first. */
import { milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { until } from "../../../tests/support/until.js";
import { BATCH_BYTES, BATCH_RECORDS, type Batch } from "./batch.js";
import { ContextLookup } from "./context-lookup.js";
import { Outbox, type OutboxLimits } from "./outbox.js";

const HOUR = milliseconds(3_600_000);
let waiting: [queue: string, full: boolean][];
let overflowed: Batch[];

beforeEach(() => {
  waiting = [];
  overflowed = [];
});

function open(limits: Partial<OutboxLimits> = {}): Outbox {
  return new Outbox(
    { bufferRecords: 1e6, bufferBytes: 1e9, answerTimeout: HOUR, ...limits },
    {
      onWaiting: (queue, full) => waiting.push([queue, full]),
      onOverflow: (batch) => overflowed.push(batch),
    },
  );
}

function fill(outbox: Outbox, queue: string, records = BATCH_RECORDS, text = "{}"): Promise<boolean> {
  let answer = Promise.resolve(false);
  for (let added = 0; added < records; added++) answer = outbox.addText(queue, text, "1");
  return answer;
}

const valuesOf = (batch: Batch | undefined) => batch?.rows().values;

test("records of a queue share a batch and its answer until it is full, metrics as well as texts", async () => {
  const outbox = open();
  const context = new ContextLookup().lookupOrCreate("gauge", "m", {});
  if (context === undefined) throw new Error("no such context");
  const first = outbox.addMetric("q", context, 1, "5");
  expect(outbox.addText("q", "{}", "6")).toBe(first);
  const other = outbox.addText("other", "{}", "6");
  expect(other).not.toBe(first);
  expect(waiting).toEqual([
    ["q", false],
    ["other", false],
  ]);
  expect([outbox.records, outbox.hasOpen("q"), outbox.hasSealed(), outbox.take()]).toEqual([
    3,
    true,
    false,
    undefined,
  ]);
  fill(outbox, "q", BATCH_RECORDS - 2);
  expect(waiting.slice(2)).toEqual([["q", true]]);
  expect([outbox.hasOpen("q"), outbox.hasOpen("other"), outbox.hasSealed()]).toEqual([false, true, true]);
  const next = outbox.addMetric("q", context, 2, "7");
  expect(next).not.toBe(first);
  expect(waiting.slice(3)).toEqual([["q", false]]);
  const batch = outbox.take();
  expect(batch?.rows().scores.slice(0, 2)).toEqual(["5", "6"]);
  if (batch !== undefined) outbox.settle(batch, true);
  expect([await first, outbox.records]).toEqual([true, 2]);
  outbox.sealAll();
  expect(outbox.take()?.queue).toBe("other");
  expect(outbox.take()?.rows().scores).toEqual(["7"]);
  expect([outbox.take(), outbox.isEmpty(), outbox.records]).toEqual([undefined, false, 2]);
});

test("ids of batches differ, and sort in the order in which these were begun", () => {
  const outbox = open();
  for (const queue of ["a", "b", "c"]) fill(outbox, queue);
  const ids = ["a", "b", "c"].flatMap(() => outbox.take()?.rows().ids ?? []);
  expect(ids).toHaveLength(3 * BATCH_RECORDS);
  expect([...new Set(ids)].sort()).toEqual(ids);
});

test("a shard's batches are sealed, found and taken by its prefix, all others stay", () => {
  const outbox = open();
  for (const queue of ["s1:a", "s2:a", "s1:b", "s2:b"]) fill(outbox, queue, 1);
  outbox.sealAll("s2:");
  expect([outbox.hasSealed("s1:"), outbox.hasSealed("s2:"), outbox.hasSealed()]).toEqual([false, true, true]);
  expect([outbox.hasOpen("s1:a"), outbox.hasOpen("s2:a")]).toEqual([true, false]);
  expect([outbox.isEmpty("s1:"), outbox.isEmpty("s2:"), outbox.isEmpty("s3:")]).toEqual([false, false, true]);
  expect(outbox.take("s1:")).toBeUndefined();
  outbox.sealAll();
  const taken = [
    outbox.take("s1:"),
    outbox.take("s2:"),
    outbox.take("s2:"),
    outbox.take("s2:"),
    outbox.take(),
  ];
  expect(taken.map((batch) => batch?.queue)).toEqual(["s1:a", "s2:a", "s2:b", undefined, "s1:b"]);
  for (const batch of taken) if (batch?.queue.startsWith("s1")) outbox.settle(batch, true);
  expect([outbox.isEmpty("s1:"), outbox.isEmpty("s2:")]).toEqual([true, false]);
});

test("a batch that is put back is sent first", () => {
  const outbox = open();
  for (const text of ["1", "2", "3"]) fill(outbox, "q", BATCH_RECORDS, text);
  const first = outbox.take();
  if (first === undefined) throw new Error("nothing to take");
  outbox.putBack(first);
  expect([1, 2, 3].map(() => valuesOf(outbox.take())?.[0])).toEqual(["1", "2", "3"]);
});

test("beyond the number of records the oldest batch leaves, whose calls are false; those being sent stay", async () => {
  const outbox = open({ bufferRecords: 3 * BATCH_RECORDS });
  const answers = ["1", "2", "3"].map((text) => fill(outbox, "q", BATCH_RECORDS, text));
  expect([overflowed.length, outbox.records]).toEqual([0, 3 * BATCH_RECORDS]);
  const sending = outbox.take();
  fill(outbox, "q", 1, "4");
  expect(overflowed.map((batch) => [batch.records, valuesOf(batch)?.[0]])).toEqual([[BATCH_RECORDS, "2"]]);
  expect([await answers[1], outbox.records]).toEqual([false, 2 * BATCH_RECORDS + 1]);
  fill(outbox, "q", 2 * BATCH_RECORDS - 1, "4");
  expect(overflowed.map((batch) => valuesOf(batch)?.[0])).toEqual(["2", "3"]);
  if (sending !== undefined) outbox.settle(sending, true);
  expect([await answers[0], await answers[2]]).toEqual([true, false]);
});

test("beyond the bytes the oldest batches leave, as many as it takes", () => {
  const text = "x".repeat(BATCH_BYTES / 4);
  const outbox = open({ bufferBytes: 3 * BATCH_BYTES + 1_000 });
  // Four of them fill a batch; the limit has room for nearly twelve.
  fill(outbox, "q", 8, text);
  fill(outbox, "q", 3, text);
  expect(overflowed).toEqual([]);
  fill(outbox, "r", 1, "x".repeat(BATCH_BYTES * 2));
  expect(overflowed.map(({ records }) => records)).toEqual([4, 4]);
  expect(outbox.records).toBe(4);
});

test("as many bytes as the limit are within it", () => {
  const bytes = open();
  fill(bytes, "q", 3, "abc");
  bytes.sealAll();
  const limit = bytes.take()?.bytes ?? 0;
  fill(open({ bufferBytes: limit }), "q", 3, "abc");
  expect(overflowed).toEqual([]);
  fill(open({ bufferBytes: limit - 1 }), "q", 3, "abc");
  expect(overflowed.map(({ records }) => records)).toEqual([3]);
});

test("what is being sent may alone exceed the limit: then nothing else has room", async () => {
  const outbox = open({ bufferRecords: BATCH_RECORDS });
  fill(outbox, "q");
  const sending = outbox.take();
  for (const queue of ["q", "r"]) expect(await fill(outbox, queue, 1)).toBe(false);
  expect(overflowed.map(({ records }) => records)).toEqual([1, 1]);
  // An open batch leaves only if none is sealed.
  expect([outbox.records, outbox.hasOpen("q"), sending?.records]).toEqual([
    BATCH_RECORDS,
    false,
    BATCH_RECORDS,
  ]);
});

test("batches of an age are offered, oldest first, until one is declined; what is taken has left", async () => {
  const outbox = open();
  const old = [fill(outbox, "a", 1), fill(outbox, "b")];
  const begun = performance.now();
  await until("the first batches to be older", () => performance.now() > begun + 10);
  const young = [fill(outbox, "c"), fill(outbox, "d", 1)];
  const age = performance.now() - begun;
  const offered: string[] = [];
  const take = (answer: boolean) => (batch: Batch) => {
    offered.push(batch.queue);
    return answer;
  };
  outbox.offerOlderThan(HOUR, take(true));
  expect([offered, outbox.hasOpen("a")]).toEqual([[], true]);
  outbox.offerOlderThan(age, take(false));
  expect([offered, outbox.records]).toEqual([["b"], 2 * BATCH_RECORDS + 2]);
  // The open batch is sealed now, behind the one that was full before.
  expect([outbox.hasOpen("a"), outbox.hasOpen("d")]).toEqual([false, true]);
  const begin = outbox.take();
  if (begin !== undefined) outbox.putBack(begin);
  outbox.sealAll();
  offered.length = 0;
  outbox.offerOlderThan(Number.NEGATIVE_INFINITY, take(true));
  expect(offered).toEqual(["b", "c", "a", "d"]);
  expect(await Promise.all([...old, ...young])).toEqual([false, false, false, false]);
  expect([outbox.records, outbox.isEmpty(), outbox.hasSealed()]).toEqual([0, true, false]);
});

test("only old batches leave while younger ones stay", async () => {
  const outbox = open();
  fill(outbox, "a");
  const begun = performance.now();
  await until("the first batch to be older", () => performance.now() > begun + 10);
  fill(outbox, "b");
  const offered: string[] = [];
  outbox.offerOlderThan(performance.now() - begun, ({ queue }) => offered.push(queue) > 0);
  expect([offered, outbox.take()?.queue]).toEqual([["a"], "b"]);
});

test("pending calls are answered once, and their records stay", async () => {
  const outbox = open();
  expect(outbox.answerAllFalse()).toBe(false);
  const answers = [fill(outbox, "a"), fill(outbox, "b", 1)];
  expect([outbox.answerAllFalse(), outbox.answerAllFalse()]).toEqual([true, false]);
  expect([await Promise.all(answers), outbox.records]).toEqual([[false, false], BATCH_RECORDS + 1]);
  const last = fill(outbox, "c", 1);
  expect([outbox.answerAllFalse(), await last]).toEqual([true, false]);
});

test("everything is dropped, what is being sent included, and can't be settled again", async () => {
  const outbox = open();
  const answers = ["a", "b", "c"].map((queue) => fill(outbox, queue, queue === "c" ? 1 : BATCH_RECORDS));
  const sending = outbox.take();
  const settled = outbox.settled();
  expect(outbox.dropAll()).toBe(2 * BATCH_RECORDS + 1);
  if (sending !== undefined) outbox.settle(sending, true);
  expect(await Promise.all(answers)).toEqual([false, false, false]);
  await settled;
  expect([outbox.records, outbox.isEmpty(), outbox.hasSealed(), outbox.hasOpen("c")]).toEqual([
    0,
    true,
    false,
    false,
  ]);
  // Later records begin a batch of their own.
  fill(outbox, "c", 1);
  outbox.sealAll();
  expect([outbox.take()?.records, outbox.dropAll(), outbox.dropAll()]).toEqual([1, 1, 0]);
});

test("it is settled once each batch that waits now is, and no later one", async () => {
  const outbox = open();
  await outbox.settled();
  fill(outbox, "a");
  fill(outbox, "b", 1);
  let isSettled = false;
  const settled = outbox.settled().then(() => {
    isSettled = true;
  });
  fill(outbox, "later");
  outbox.sealAll();
  for (const queue of ["a", "b"]) {
    expect(isSettled).toBe(false);
    const batch = outbox.take(queue);
    if (batch !== undefined) outbox.settle(batch, queue === "a");
    await Promise.resolve();
  }
  await settled;
  expect(outbox.records).toBe(BATCH_RECORDS);
});

const step = fc.oneof(
  fc.record({ kind: fc.constant("add"), queue: fc.constantFrom("a", "b"), length: fc.nat(90_000) }),
  fc.record({ kind: fc.constantFrom("take", "put back", "store", "seal", "offer") }),
);

test("whatever happens in whatever order, every record is in memory or settled, and memory is bounded", async () => {
  const limits = { bufferRecords: 12, bufferBytes: 400_000 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      overflowed = [];
      const outbox = open(limits);
      const sending: Batch[] = [];
      const answers: Promise<boolean>[] = [];
      let stored = 0;
      let offered = 0;
      for (const given of steps) {
        if ("queue" in given) {
          answers.push(outbox.addText(given.queue, "x".repeat(given.length), "1"));
          // Nothing but what is being sent may exceed the limits.
          const records = outbox.records - sending.reduce((sum, batch) => sum + batch.records, 0);
          expect(records === 0 || outbox.records <= limits.bufferRecords).toBe(true);
        } else if (given.kind === "take")
          sending.push(...[outbox.take()].filter((batch) => batch !== undefined));
        else if (given.kind === "seal") outbox.sealAll();
        else if (given.kind === "offer") {
          outbox.offerOlderThan(Number.NEGATIVE_INFINITY, ({ records }) => {
            offered += records;
            return true;
          });
        } else {
          const batch = sending.pop();
          if (batch === undefined) continue;
          if (given.kind === "put back") outbox.putBack(batch);
          else {
            outbox.settle(batch, true);
            stored += batch.records;
          }
        }
      }
      const lost = overflowed.reduce((sum, { records }) => sum + records, 0);
      expect(outbox.records).toBe(answers.length - stored - offered - lost);
      outbox.dropAll();
      const all = await Promise.all(answers);
      expect(all.filter(Boolean)).toHaveLength(stored);
    }),
  );
});
