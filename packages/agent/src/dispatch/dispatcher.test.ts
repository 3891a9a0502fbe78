import { MemoryStore } from "@chouette-iot/queue/memory";
import { type Decoded, milliseconds, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../clock.js";
import type { Outcome, Output } from "../outputs/output.js";
import type { Admission } from "./byte-budget.js";
import { Dispatcher } from "./dispatcher.js";
import { SentBytes } from "./sent-bytes.js";

const NOW = 1_000_000;
const QUEUE = "chouette:metrics:wrapped";
const REJECTED = "chouette:rejected";

const decode = (text: string): Decoded<string> =>
  text.startsWith("bad") ? { ok: false, reason: "bad" } : { ok: true, record: text };

/** An output that answers as told and keeps what it took. */
function output(answer: (batch: readonly string[]) => Outcome) {
  const batches: string[][] = [];
  const taken: string[] = [];
  const told: Output<string> = {
    send: async (batch) => {
      batches.push([...batch]);
      const outcome = answer(batch);
      if (outcome.kind === "delivered") taken.push(...batch);
      return outcome;
    },
    check: async () => ({ kind: "delivered", bytes: 0 }),
    close: async () => {},
  };
  return { told, batches, taken };
}

async function setUp(
  records: readonly (readonly [score: number, value: string])[],
  batchSize = 10,
  admission: Admission<string> = true,
) {
  const store = new MemoryStore();
  await store.append(
    QUEUE,
    records.map(([score, value], index) => ({ score, id: `id${String(index).padStart(5, "0")}`, value })),
  );
  const clock = { ...systemClock, now: () => milliseconds(NOW * 1000) };
  const dispatcher = (told: Output<string>) =>
    new Dispatcher({
      store,
      queue: QUEUE,
      rejectedQueue: REJECTED,
      output: told,
      clock,
      decode,
      admission: () => admission,
      sentBytes: new SentBytes(store, clock),
      batchSize,
      ttl: seconds(14_400),
      fresh: seconds(100),
    });
  return { store, dispatcher };
}

const delivered: Outcome = { kind: "delivered", bytes: 1 };
const down: Outcome = { kind: "unavailable", reason: "no route", answered: false, bytes: 0 };

describe("dispatch", () => {
  it("goes on until the queue is empty, in batches of bounded size", async () => {
    const { store, dispatcher } = await setUp(
      Array.from({ length: 95 }, (_, index) => [NOW - 200, `${index}`]),
    );
    const { told, batches } = output(() => delivered);
    expect(await dispatcher(told).dispatch()).toEqual({ delivered: 95, rejected: 0, expired: 0, bytes: 10 });
    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 10, 10, 10, 10, 10, 10, 10, 5]);
    expect(await store.size(QUEUE)).toBe(0);
  });

  it("sends the fresh first, then the backlog from its oldest", async () => {
    const { dispatcher } = await setUp(
      [
        [NOW - 9000, "oldest"],
        [NOW - 5000, "old"],
        [NOW - 20, "fresh"],
      ],
      1,
    );
    const { told, taken } = output(() => delivered);
    await dispatcher(told).dispatch();
    expect(taken).toEqual(["fresh", "oldest", "old"]);
  });

  it("keeps all records where the output is away, and asks it once", async () => {
    const { store, dispatcher } = await setUp(
      Array.from({ length: 50 }, (_, index) => [NOW - 5, `${index}`]),
    );
    const { told, batches } = output(() => down);
    expect(await dispatcher(told).dispatch()).toMatchObject({ delivered: 0, obstacle: down });
    expect(batches).toHaveLength(1);
    expect(await store.size(QUEUE)).toBe(50);
  });

  it("has nothing wait behind a batch that the output can't take", async () => {
    const { store, dispatcher } = await setUp(
      Array.from({ length: 30 }, (_, index) => [NOW - 5, index === 12 ? "poison" : `${index}`]),
    );
    const { told, taken } = output((batch) =>
      batch.includes("poison")
        ? { kind: "unavailable", reason: "HTTP 500", answered: true, bytes: 1 }
        : delivered,
    );
    expect(await dispatcher(told).dispatch()).toMatchObject({
      delivered: 20,
      obstacle: { reason: "HTTP 500" },
    });
    expect(taken).toHaveLength(20);
    expect(await store.size(QUEUE)).toBe(10);
  });

  it("finds the records that are refused or too large, sets each aside, and delivers all others", async () => {
    const kinds = fc.constantFrom("good", "refused", "huge", "bad");
    await fc.assert(
      fc.asyncProperty(
        fc.array(kinds, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 2, max: 9 }),
        async (list, limit, parts) => {
          const { store, dispatcher } = await setUp(list.map((kind, index) => [NOW - 5, `${kind}${index}`]));
          const { told, taken } = output((batch) => {
            if (batch.length > limit || batch.some((text) => text.startsWith("huge")))
              return { kind: "too-large", reason: "HTTP 413", parts, bytes: 1 };
            if (batch.some((text) => text.startsWith("refused")))
              return { kind: "refused", reason: "HTTP 400", bytes: 1 };
            return delivered;
          });
          await dispatcher(told).dispatch();
          const rejected = await store.read(REJECTED, { limit: 100 });
          const values = rejected.map(({ value }) => JSON.parse(value ?? "").value);
          const isGood = (text: string) => text.startsWith("good");
          expect(taken.every(isGood)).toBe(true);
          expect(values.some(isGood)).toBe(false);
          expect(taken.length + values.length).toBe(list.length);
          expect(await store.size(QUEUE)).toBe(0);
        },
      ),
    );
  });

  it("leaves what isn't admitted where it is, and fills batches with the rest", async () => {
    const list = Array.from({ length: 95 }, (_, index): [number, string] => [
      NOW - 200,
      index % 9 === 0 ? `alarm${index}` : `${index}`,
    ]);
    const { store, dispatcher } = await setUp(list, 10, (text) => text.startsWith("alarm"));
    const { told, batches } = output(() => delivered);
    expect(await dispatcher(told).dispatch()).toMatchObject({ delivered: 11 });
    expect(batches.map((batch) => batch.length)).toEqual([10, 1]);
    expect(await store.size(QUEUE)).toBe(84);
  });

  it("expires what isn't admitted at its age, and not before", async () => {
    const { store, dispatcher } = await setUp(
      [
        [NOW - 14_401, "old"],
        [NOW - 14_399, "young"],
      ],
      10,
      false,
    );
    const { told, batches } = output(() => delivered);
    expect(await dispatcher(told).dispatch()).toMatchObject({ expired: 1, delivered: 0 });
    expect(batches).toEqual([]);
    expect(await store.size(QUEUE)).toBe(1);
  });

  it.each([
    ["of a part of the queue", (record: string) => !record.startsWith("lesser"), 3],
    ["of all of it", false, 5],
    ["of nothing", true, 0],
  ] as const)("tells how many records aren't admitted: %s", async (_, admission, expected) => {
    const ages = [5_000, 4_000, 3_000, 2, 1];
    const records = ages.map((age, index) => [NOW - age, index % 2 ? "m" : "lesser"] as const);
    const { dispatcher } = await setUp(records, 2, admission);
    const { told } = output(() => delivered);
    const dispatching = dispatcher(told);
    expect(dispatching.heldBack).toBe(0);
    for (let round = 0; round < 2; round++) {
      await dispatching.dispatch();
      expect(dispatching.heldBack).toBe(expected);
    }
  });

  it("expires what is older than it may become, and counts it", async () => {
    const { store, dispatcher } = await setUp([[NOW - 14_401, "old"]]);
    const { told, batches } = output(() => delivered);
    expect(await dispatcher(told).dispatch()).toMatchObject({ expired: 1, delivered: 0 });
    expect(batches).toEqual([]);
    expect((await store.counters()).get(`${QUEUE}:expired`)).toBe(1);
  });
});
