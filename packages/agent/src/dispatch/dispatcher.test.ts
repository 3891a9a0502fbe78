import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, type Result, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Outcome, type Output, tryEncode } from "../outputs/output.js";
import { systemClock } from "../runtime/clock.js";
import type { SendPolicy } from "./byte-budget.js";
import { Dispatcher } from "./dispatcher.js";
import { SentBytes } from "./sent-bytes.js";

const NOW = 1_000_000;
const QUEUE = "chouette:metrics:wrapped";
const REJECTED = "chouette:rejected";

const decode = (text: string): Result<string> =>
  text.startsWith("bad") ? { ok: false, reason: "bad" } : { ok: true, value: thrown(text) };

function thrown(text: string): string {
  if (text === "deep") throw new RangeError("Maximum call stack size exceeded");
  return text;
}

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
  sendPolicy: SendPolicy<string> = true,
) {
  const store = new MemoryStore();
  await store.append(
    QUEUE,
    records.map(([score, value], index) => ({ score, id: `id${String(index).padStart(5, "0")}`, value })),
  );
  const time = { monotonic: 0 };
  const clock = {
    ...systemClock,
    now: () => milliseconds(NOW * 1000),
    monotonic: () => milliseconds(time.monotonic * 1000),
  };
  const dispatcher = (told: Output<string>) =>
    new Dispatcher({
      store,
      queue: QUEUE,
      rejectedQueue: REJECTED,
      output: told,
      clock,
      decode,
      sendPolicy: () => sendPolicy,
      sentBytes: new SentBytes(store, clock),
      batchSize,
      ttl: seconds(14_400),
      fresh: seconds(100),
    });
  return { store, dispatcher, time };
}

const delivered: Outcome = { kind: "delivered", bytes: 1 };
const refused: Outcome = { kind: "refused", reason: "HTTP 400", foundBy: "answer", bytes: 1 };
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
    expect(await dispatcher(told).dispatch()).toMatchObject({ delivered: 0, failure: down });
    expect(batches).toHaveLength(1);
    expect(await store.size(QUEUE)).toBe(50);
  });

  it("keeps nothing for a time that doesn't come: ten minutes after the start it becomes a dead letter", async () => {
    const ttl = 14_400;
    const { store, dispatcher, time } = await setUp([
      [NOW, "now"],
      [NOW + ttl - 1, "soon"],
      [NOW + ttl + 1, "later"],
      [2e10, "never"],
      [Number.POSITIVE_INFINITY, "not at all"],
    ]);
    const dispatching = dispatcher(output(() => down).told);
    // This clock may be behind, but not by that much.
    expect(await dispatching.dispatch()).toMatchObject({ rejected: 2, expired: 0 });
    time.monotonic = 599;
    expect(await dispatching.dispatch()).toMatchObject({ rejected: 0 });
    time.monotonic = 600;
    expect(await dispatching.dispatch()).toMatchObject({ rejected: 1 });
    const left = await store.read(QUEUE, { limit: 10 });
    expect(left.map(({ value }) => value)).toEqual(["now", "soon"]);
    const [letter] = await store.read(REJECTED, { limit: 1 });
    expect(letter?.value).toContain("stored with a time more than 14400 s in the future");
    expect((await store.counters()).get(`${QUEUE}:rejected`)).toBe(3);
  });

  it("takes two failed batches in a row for an outage", async () => {
    const { dispatcher } = await setUp(Array.from({ length: 50 }, (_, index) => [NOW - 5, `${index}`]));
    const failed: Outcome = { kind: "unavailable", reason: "HTTP 500", answered: true, bytes: 1 };
    const { told, batches } = output(() => failed);
    await dispatcher(told).dispatch();
    expect(batches).toHaveLength(2);
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
      failure: { reason: "HTTP 500" },
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
              return { kind: "too-large", reason: "HTTP 413", parts, foundBy: "answer", bytes: 1 };
            if (batch.some((text) => text.startsWith("refused")))
              return { kind: "refused", reason: "HTTP 400", foundBy: "answer", bytes: 1 };
            return delivered;
          });
          const dispatching = dispatcher(told);
          const isAnyGood = list.includes("good");
          // A release ends if too much is refused in a row; the next goes another way.
          let later = 0;
          for (let release = 0; release < (isAnyGood ? 500 : 5); release++) {
            if ((await store.size(QUEUE)) === 0) break;
            const record = { score: NOW - 5, id: `later${later++}`, value: "good" };
            if (isAnyGood) await store.append(QUEUE, [record]);
            await dispatching.dispatch();
          }
          const rejected = await store.read(REJECTED, { limit: 100 });
          const values = rejected.map(({ value }) => JSON.parse(value ?? "").value);
          const isGood = (text: string) => text.startsWith("good");
          expect(taken.every(isGood)).toBe(true);
          expect(values.some(isGood)).toBe(false);
          // If nothing is accepted, the answers say nothing of the records.
          const kept = isAnyGood ? 0 : list.filter((kind) => kind !== "bad").length;
          expect(await store.size(QUEUE)).toBe(kept);
          expect(taken.length + values.length).toBe(list.length - kept + (isAnyGood ? later : 0));
        },
      ),
    );
  });

  it("spends few requests on an output that refuses everything, rejects nothing, and goes on afterwards", async () => {
    const { store, dispatcher } = await setUp(
      Array.from({ length: 5_000 }, (_, index) => [NOW - 200, `${index}`]),
      1_000,
    );
    let isMiddlebox = true;
    const { told, batches, taken } = output(() =>
      isMiddlebox ? { kind: "refused", reason: "HTTP 451", foundBy: "answer", bytes: 1 } : delivered,
    );
    const dispatching = dispatcher(told);
    const releases = [];
    for (let release = 0; release < 5; release++) {
      const before = batches.length;
      expect(await dispatching.dispatch()).toMatchObject({
        failure: { kind: "unavailable", reason: "everything is refused: HTTP 451" },
      });
      releases.push(batches.length - before);
    }
    expect(releases).toEqual([14, 2, 2, 2, 2]);
    expect(await store.size(REJECTED)).toBe(0);
    isMiddlebox = false;
    await dispatching.dispatch();
    expect(taken).toHaveLength(5_000);
    expect(batches.length - 22).toBeLessThan(20);
  });

  it("has nothing wait behind batches of which everything is refused", async () => {
    const bad = Array.from({ length: 35 }, (_, index) => [NOW - 5_000, `refused${index}`] as const);
    const good = Array.from({ length: 20 }, (_, index) => [NOW - 200, `${index}`] as const);
    const { store, dispatcher } = await setUp([...bad, ...good, [NOW - 5, "fresh"]]);
    const { told, taken } = output((batch) =>
      batch.some((text) => text.startsWith("refused"))
        ? { kind: "refused", reason: "HTTP 400", foundBy: "answer", bytes: 1 }
        : delivered,
    );
    const dispatching = dispatcher(told);
    await dispatching.dispatch();
    expect(taken.length).toBeGreaterThan(15);
    for (let release = 0; release < 9; release++) {
      await store.append(QUEUE, [{ score: NOW - 5, id: `later${release}`, value: "later" }]);
      await dispatching.dispatch();
    }
    expect(await store.size(QUEUE)).toBe(0);
    expect(await store.size(REJECTED)).toBe(35);
  });

  it("rejects few records at most when the output begins to refuse everything in the middle", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 12 }),
        async (count, accepted) => {
          const bad = count >> 1;
          const { store, dispatcher } = await setUp(
            Array.from({ length: count }, (_, index) => [NOW - 200, index === bad ? "refused" : `${index}`]),
          );
          let sent = 0;
          const { told } = output((batch) =>
            sent++ >= accepted || batch.includes("refused")
              ? { kind: "refused", reason: "HTTP 400", foundBy: "answer", bytes: 1 }
              : delivered,
          );
          const dispatching = dispatcher(told);
          for (let release = 0; release < 20; release++) await dispatching.dispatch();
          // What ends a queue may be refused in truth, since something was accepted right before.
          expect(await store.size(REJECTED)).toBeLessThanOrEqual(4);
        },
      ),
    );
  });

  it("sends once what is refused and then accepted, as the release goes through the queue again", async () => {
    const { dispatcher } = await setUp([[NOW, "fresh"]]);
    const answers = [refused];
    const { told, taken } = output(() => answers.pop() ?? delivered);
    await dispatcher(told).dispatch();
    expect(taken).toEqual(["fresh"]);
  });

  it("rejects once what is refused each time that the release comes to it", async () => {
    // Which half of a batch is tried first is left to chance.
    for (let tries = 0; tries < 20; tries++) {
      const { store, dispatcher } = await setUp(
        [
          [NOW - 200, "backlog"],
          [NOW, "refused"],
        ],
        2,
      );
      const { told, taken } = output((batch) => (batch.includes("refused") ? refused : delivered));
      await dispatcher(told).dispatch();
      expect(taken).toEqual(["backlog"]);
      expect(await store.size(REJECTED)).toBe(1);
      expect((await store.counters()).get(`${REJECTED}:accepted`)).toBe(1);
    }
  });

  it("rejects what an encoder throws on, alone, and what a decoder throws on", async () => {
    const { store, dispatcher } = await setUp(
      Array.from({ length: 31 }, (_, index) => [NOW - 5, { 12: "poison", 13: "deep" }[index] ?? `${index}`]),
    );
    const { told, taken } = output((batch) => {
      const encoded = tryEncode(() => {
        if (batch.includes("poison")) throw new RangeError("Maximum call stack size exceeded");
      });
      return encoded.ok ? delivered : encoded.outcome;
    });
    expect(await dispatcher(told).dispatch()).toMatchObject({ delivered: 29, rejected: 2 });
    expect(taken).toHaveLength(29);
    const rejected = await store.read(REJECTED, { limit: 10 });
    expect(rejected.map(({ value }) => JSON.parse(value ?? ""))).toMatchObject([
      { value: "deep", reason: "can't be decoded: Maximum call stack size exceeded" },
      { value: "poison", reason: "can't be encoded: Maximum call stack size exceeded" },
    ]);
  });

  it("keeps a batch whose output throws, against its promise, and says so", async () => {
    const { store, dispatcher } = await setUp([[NOW - 5, "a"]]);
    const told: Output<string> = {
      send: async () => {
        throw new TypeError("x is not a function");
      },
      check: async () => delivered,
      close: async () => {},
    };
    expect(await dispatcher(told).dispatch()).toMatchObject({
      failure: { kind: "unavailable", reason: "fault in the output: x is not a function" },
    });
    expect(await store.size(QUEUE)).toBe(1);
  });

  it("sends less after a body that the link didn't carry, and more again afterwards", async () => {
    const { dispatcher } = await setUp(
      Array.from({ length: 400 }, (_, index) => [NOW - 200, `${index}`]),
      64,
    );
    let failures = 3;
    const { told, batches } = output(() =>
      failures-- > 0 ? { kind: "unavailable", reason: "silence", answered: false, bytes: 9 } : delivered,
    );
    const dispatching = dispatcher(told);
    for (let release = 0; release < 4; release++) await dispatching.dispatch();
    expect(batches.map(({ length }) => length)).toEqual([64, 32, 16, 8, 16, 24, 32, 40, 48, 56, 64, 64, 48]);
  });

  it("an outage costs about two bodies, however long it is, whether or not the attempts are answered", async () => {
    const answers = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(answers, async (answered) => {
        const { store, dispatcher } = await setUp(
          Array.from({ length: 400 }, (_, index) => [NOW - 200, `${index}`]),
          64,
        );
        const outage = [...answered];
        let wasted = 0;
        const { told } = output((batch) => {
          const next = outage.shift();
          if (next === undefined) return delivered;
          wasted += batch.length;
          return { kind: "unavailable", reason: "HTTP 503", answered: next, bytes: batch.length };
        });
        const dispatching = dispatcher(told);
        while ((await dispatching.dispatch()).failure !== undefined);
        // A batch has at least one record.
        expect(wasted).toBeLessThanOrEqual(2 * 64 + answered.length);
        expect(await store.size(QUEUE)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it("sends once what was delivered as the store failed", async () => {
    const { store, dispatcher } = await setUp(
      Array.from({ length: 25 }, (_, index) => [NOW - 5, `${index}`]),
    );
    const { told, taken } = output(() => delivered);
    const settle = store.settle.bind(store);
    let settlements = 0;
    store.settle = async (settlement) => {
      if (++settlements === 2) throw new Error("the connection broke");
      await settle(settlement);
    };
    const one = dispatcher(told);
    await expect(one.dispatch()).rejects.toThrow("the connection broke");
    expect(taken).toHaveLength(20);
    await one.dispatch();
    expect(taken).toEqual(Array.from({ length: 25 }, (_, index) => `${index}`));
    expect((await store.counters()).get(`${QUEUE}:delivered`)).toBe(25);
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
  ] as const)("tells how many records aren't admitted: %s", async (_, sendPolicy, expected) => {
    const ages = [5_000, 4_000, 3_000, 2, 1];
    const records = ages.map((age, index) => [NOW - age, index % 2 ? "m" : "lesser"] as const);
    const { dispatcher } = await setUp(records, 2, sendPolicy);
    const { told } = output(() => delivered);
    const dispatching = dispatcher(told);
    expect(dispatching.deferred).toBe(0);
    for (let round = 0; round < 2; round++) {
      await dispatching.dispatch();
      expect(dispatching.deferred).toBe(expected);
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
