/**
 * A dispatch while the store fails: whichever of its calls fails, the dispatch rejects, nothing is lost, and the next one
 * continues. Also exact sums, and when the output is asked what it has accepted.
 */
import type { Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { faultyStore } from "../../../../tests/support/faulty-store.js";
import type { Outcome, Output, Place, Resumed } from "../outputs/output.js";
import { systemClock } from "../runtime/clock.js";
import { Dispatcher } from "./dispatcher.js";
import { SENT_BYTES_STATE, SentBytes } from "./sent-bytes.js";

const NOW = 1_000_000;
const QUEUE = "chouette:logs:wrapped";
const REJECTED = "chouette:rejected";
const delivered: Outcome = { kind: "delivered", bytes: 10 };
const refused: Outcome = { kind: "refused", reason: "HTTP 400", foundBy: "answer", bytes: 10 };
const broken: Outcome = { kind: "refused", reason: "can't be encoded", foundBy: "output", bytes: 0 };
const down: Outcome = { kind: "unavailable", reason: "no route", answered: false, bytes: 10 };
const busy: Outcome = { kind: "unavailable", reason: "HTTP 500", answered: true, bytes: 10 };

interface DispatchWorld {
  readonly memory: MemoryStore;
  readonly store?: Store;
  answer?(batch: readonly string[]): Outcome;
  resume?(store: string): Resumed;
  readonly batchSize?: number;
}

/** Records by age in seconds; `text` is also the id. */
async function withRecords(ages: Readonly<Record<string, number>>): Promise<MemoryStore> {
  const memory = new MemoryStore();
  await memory.append(
    QUEUE,
    Object.entries(ages).map(([text, age]) => ({ score: NOW - age, id: text, value: text })),
  );
  return memory;
}

function start({ memory, store = memory, answer = () => delivered, resume, batchSize = 10 }: DispatchWorld) {
  const sent: string[][] = [];
  const taken: string[] = [];
  const output: Output<string> = {
    ...(resume && { resume: async (id) => resume(id) }),
    send: async (batch) => {
      sent.push([...batch]);
      const outcome = answer(batch);
      if (outcome.kind === "delivered") taken.push(...batch);
      return outcome;
    },
    check: async () => delivered,
    close: async () => {},
  };
  const clock = { ...systemClock, now: () => milliseconds(NOW * 1_000), monotonic: () => milliseconds(0) };
  const sentBytes = new SentBytes(store, clock);
  const dispatcher = new Dispatcher({
    ...{ store, queue: QUEUE, rejectedQueue: REJECTED, output, clock, batchSize },
    decode: (text) =>
      text.startsWith("unreadable") ? { ok: false, reason: "unreadable" } : { ok: true, value: text },
    sendPolicy: () => true,
    sentBytes,
    ttl: seconds(14_400),
    maxAge: seconds(10_000),
    fresh: seconds(100),
  });
  return { dispatcher, sent, taken, sentBytes };
}

describe("a dispatch", () => {
  /** Every kind of record, in two batches and two passes. */
  const AGES = {
    ...{ expired: 15_000, "too old": 10_001, "unreadable 1": 9_000, a: 8_000, "refused 1": 7_000 },
    ...{ b: 6_000, "broken 1": 5_000, c: 4_000, "unreadable 2": 50, d: 40, "refused 2": 30 },
    ...{ "broken 2": 20, e: 10, "far ahead": -1e10 },
  };
  const answer = (batch: readonly string[]): Outcome => {
    if (batch.some((text) => text.startsWith("broken"))) return broken;
    return batch.some((text) => text.startsWith("refused")) ? refused : delivered;
  };
  const accepted: Place = { score: NOW - 6_000, id: "b" };
  const resume = (): Resumed => ({ kind: "resumed", accepted: [accepted] });

  async function outcome(memory: MemoryStore) {
    const letters = await memory.read(REJECTED, { limit: 100 });
    return {
      left: await memory.size(QUEUE),
      letters: letters.map(({ value }) => JSON.parse(value ?? "").id).sort(),
      counters: Object.fromEntries([...(await memory.counters())].sort()),
    };
  }
  const EXPECTED = {
    left: 0,
    letters: ["broken 1", "broken 2", "far ahead", "refused 1", "refused 2", "unreadable 1", "unreadable 2"],
    counters: {
      [`${QUEUE}:delivered`]: 5,
      [`${QUEUE}:expired`]: 1,
      [`${QUEUE}:rejected`]: 7,
      [`${QUEUE}:too_old`]: 1,
      [`${REJECTED}:accepted`]: 7,
    },
  };

  it("reports exactly what it did", async () => {
    const memory = await withRecords(AGES);
    const { dispatcher, sent, taken } = start({ memory, answer, resume, batchSize: 4 });
    const requests = () => sent.filter((batch) => answer(batch) !== broken).length;
    const dispatched = await dispatcher.dispatch();
    expect(dispatched).toEqual({ delivered: 4, rejected: 7, expired: 2, bytes: 10 * requests() });
    expect([...taken].sort()).toEqual(["a", "c", "d", "e"]);
    expect(await outcome(memory)).toEqual(EXPECTED);
    const [bytes] = await memory.state([`${SENT_BYTES_STATE}1970-01`]);
    expect(bytes).toBe(`${10 * requests()}`);
  });

  it("rejects at whichever call of the store fails, and the next one continues: each record has one end", async () => {
    for (let failing = 1; ; failing++) {
      const memory = await withRecords(AGES);
      let calls = 0;
      const store = faultyStore(memory, () => (++calls === failing ? "refused" : undefined));
      const { dispatcher, sent, taken } = start({ memory, store, answer, resume, batchSize: 4 });
      const isCaught = await dispatcher.dispatch().then(
        () => false,
        (error: Error) => error.message === "refused by the test",
      );
      if (calls < failing) break;
      expect({ failing, isCaught }).toEqual({ failing, isCaught: true });
      const afterFault = calls;
      const before = sent.length;
      // Nothing goes on behind the caller's back.
      await new Promise(setImmediate);
      expect([calls, sent.length]).toEqual([afterFault, before]);
      // A refused record becomes a dead letter only if another one is accepted.
      await memory.append(QUEUE, [{ score: NOW, id: "f", value: "f" }]);
      await dispatcher.dispatch();
      const counters = { ...EXPECTED.counters, [`${QUEUE}:delivered`]: 6 };
      expect({ failing, ...(await outcome(memory)) }).toEqual({ failing, ...EXPECTED, counters });
      expect([...taken].sort()).toEqual(["a", "c", "d", "e", "f"]);
      await new Promise(setImmediate);
    }
  });

  it("ends at the first part of a batch that isn't delivered, and keeps the rest", async () => {
    const memory = await withRecords({ a: 8, b: 7, c: 6, d: 5, e: 4, f: 3, g: 2, h: 1 });
    const answers: readonly Outcome[] = [
      { kind: "too-large", reason: "HTTP 413", parts: 4, foundBy: "output", bytes: 0 },
      delivered,
      down,
    ];
    let asked = 0;
    const { dispatcher, sent } = start({ memory, answer: () => answers[asked++] ?? delivered });
    expect(await dispatcher.dispatch()).toEqual({
      ...{ delivered: 2, rejected: 0, expired: 0, bytes: 20, failure: down },
    });
    expect(sent).toEqual([
      ["a", "b", "c", "d", "e", "f", "g", "h"],
      ["a", "b"],
      ["c", "d"],
    ]);
    expect(await memory.size(QUEUE)).toBe(6);
  });

  it.each([
    ["in the first batch", ["a"], ["b", "c"]],
    ["in every other batch", ["a", "c"], ["b"]],
  ])("goes on after a failure that may be about the batch: %s", async (_, failing, expected) => {
    const memory = await withRecords({ a: 3, b: 2, c: 1 });
    const { dispatcher, taken } = start({
      ...{ memory, batchSize: 1 },
      answer: ([text = ""]) => (failing.includes(text) ? busy : delivered),
    });
    await dispatcher.dispatch();
    expect(taken).toEqual(expected);
  });

  it.each([
    ["that asks for a wait", { ...busy, retryAfter: milliseconds(1) }],
    ["without an answer", down],
    ["of the key", { kind: "unauthorized", reason: "HTTP 403", bytes: 10 }],
  ] as const)("ends after a failure %s, and leaves the backlog", async (_, failure) => {
    const memory = await withRecords({ backlog: 1_000, a: 3, b: 2 });
    const { dispatcher, sent } = start({ memory, batchSize: 1, answer: () => failure });
    expect(await dispatcher.dispatch()).toEqual({
      ...{ delivered: 0, rejected: 0, expired: 0, bytes: 10, failure },
    });
    expect(sent).toEqual([["a"]]);
  });

  it("sends no further batch once it is stopped", async () => {
    const memory = await withRecords({ backlog: 1_000, a: 3, b: 2 });
    const ending = new AbortController();
    const { dispatcher, sent } = start({
      ...{ memory, batchSize: 1 },
      answer: () => {
        ending.abort();
        return delivered;
      },
    });
    await dispatcher.dispatch(ending.signal);
    expect(sent).toEqual([["a"]]);
    expect(await memory.size(QUEUE)).toBe(2);
  });

  it("takes an output that throws for one that may accept the next batch, and keeps what it threw on", async () => {
    const memory = await withRecords({ a: 3, b: 2, c: 1 });
    const { dispatcher, taken } = start({
      ...{ memory, batchSize: 1 },
      answer: ([text]) => {
        if (text === "a") throw new TypeError("x is not a function");
        return delivered;
      },
    });
    expect(await dispatcher.dispatch()).toEqual({
      ...{ delivered: 2, rejected: 0, expired: 0, bytes: 20 },
      failure: {
        ...{ kind: "unavailable", reason: "fault in the output: x is not a function" },
        ...{ answered: true, bytes: 0 },
      },
    });
    expect(taken).toEqual(["b", "c"]);
  });

  it("reports a refusal of everything as an answer, from an output that is available", async () => {
    const memory = await withRecords({ a: 3, b: 2 });
    const { dispatcher } = start({ memory, answer: () => refused });
    const failure = {
      kind: "unavailable",
      reason: "everything is refused: HTTP 400",
      answered: true,
      bytes: 0,
    };
    expect(await dispatcher.dispatch()).toMatchObject({ failure });
    const single = start({ memory: await withRecords({ a: 200 }), answer: () => refused });
    expect(await single.dispatcher.dispatch()).toMatchObject({ failure });
  });

  it("searches a batch for refused records from either end: the next search may find what this one doesn't", async () => {
    const orders = new Set<string>();
    for (let tries = 0; tries < 40; tries++) {
      const memory = await withRecords({ a: 2, b: 1 });
      const { dispatcher, sent } = start({ memory, answer: (batch) => (batch.length > 1 ? refused : down) });
      await dispatcher.dispatch();
      orders.add(`${sent[1]}`);
    }
    expect([...orders].sort()).toEqual(["a", "b"]);
  });

  it("spends a bounded number of requests on refused records, however many there are", async () => {
    const memory = new MemoryStore();
    const records = Array.from({ length: 3_000 }, (_, index) => {
      const id = `${index % 2 ? "refused" : "good"} ${String(index).padStart(5, "0")}`;
      return { score: NOW - 3_000 + index / 2, id, value: id };
    });
    await memory.append(QUEUE, records);
    const { dispatcher, sent } = start({ memory, answer, batchSize: 1_000 });
    await dispatcher.dispatch();
    const refusals = sent.filter((batch) => answer(batch) === refused).length;
    expect(refusals).toBeGreaterThan(256);
    // Suspects are sent once more.
    expect(refusals).toBeLessThan(2 * 256);
  });
});

describe("the bytes that were sent", () => {
  const MONTH = `${SENT_BYTES_STATE}1970-01`;

  it("for nothing are counted as well, if there were any", async () => {
    const memory = await withRecords({ a: 3 });
    const settled: unknown[] = [];
    const store = faultyStore(memory, (method) => {
      if (method === "settle") settled.push(method);
      return undefined;
    });
    const answers = [down, { ...down, bytes: 0 }];
    const { dispatcher } = start({ memory, store, answer: () => answers.shift() ?? delivered });
    await dispatcher.dispatch();
    expect(await memory.state([MONTH])).toEqual(["10"]);
    expect(settled).toHaveLength(1);
    await dispatcher.dispatch();
    expect(settled).toHaveLength(1);
  });

  it("outside of batches are added to those of earlier runs, and not before these are read", async () => {
    const memory = new MemoryStore();
    await memory.settle({ state: new Map([[MONTH, "7"]]) });
    let isBroken = true;
    const store = faultyStore(memory, () => (isBroken ? "refused" : undefined));
    const { dispatcher, sentBytes } = start({ memory, store });
    await expect(dispatcher.countBytes()).rejects.toThrow("refused by the test");
    isBroken = false;
    await dispatcher.countBytes();
    await memory.settle({ state: sentBytes.add(1) });
    expect(await memory.state([MONTH])).toEqual(["8"]);
  });
});

describe("an output that remembers what it accepted", () => {
  it("is asked before the first batch, and again only after a failure or a fault", async () => {
    const memory = await withRecords({ a: 5 });
    const ids: string[] = [];
    let answer: Outcome = delivered;
    let isBroken = false;
    const store = faultyStore(memory, (method) => (isBroken && method === "settle" ? "refused" : undefined));
    const { dispatcher } = start({
      ...{ memory, store, answer: () => answer },
      resume: (id) => {
        ids.push(id);
        return { kind: "resumed", accepted: [] };
      },
    });
    const asked = async () => {
      const before = ids.length;
      await dispatcher.dispatch().catch(() => {});
      return ids.length - before;
    };
    const put = () => memory.append(QUEUE, [{ score: NOW - 1, id: "next", value: "next" }]);
    expect([await asked(), await asked()]).toEqual([1, 0]);
    await put();
    answer = down;
    expect([await asked(), await asked()]).toEqual([0, 1]);
    answer = delivered;
    isBroken = true;
    expect(await asked()).toBe(1);
    isBroken = false;
    await put();
    expect([await asked(), await asked()]).toEqual([1, 0]);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[\w-]{8}$/);
  });

  it("gets nothing while it can't be asked; records expire all the same", async () => {
    const memory = await withRecords({ a: 5, expired: 20_000, "far ahead": -1e10 });
    const resumed: Resumed = { kind: "unavailable", reason: "no gateway", answered: false, bytes: 0 };
    const { dispatcher, sent } = start({ memory, resume: () => resumed });
    expect(await dispatcher.dispatch()).toEqual({
      ...{ delivered: 0, rejected: 1, expired: 1, bytes: 0, failure: resumed },
    });
    expect(sent).toEqual([]);
    expect(await memory.size(QUEUE)).toBe(1);
  });
});

describe("a record with a score that no clock shows, stored during a dispatch", () => {
  it.each([
    Number.POSITIVE_INFINITY,
    1e300,
    Number.NEGATIVE_INFINITY,
    -1e300,
  ])("isn't sent, and has its end in the next dispatch: %s", async (score) => {
    const memory = await withRecords({ a: 8_000, b: 20 });
    const stored = { score, id: "stray", value: "stray" };
    const { dispatcher, taken, sent } = start({
      memory,
      batchSize: 1,
      answer: () => {
        if (sent.length === 1) void memory.append(QUEUE, [stored]);
        return delivered;
      },
    });
    await dispatcher.dispatch();
    expect(taken.sort()).toEqual(["a", "b"]);
    expect(await memory.size(QUEUE)).toBe(1);
    const next = await dispatcher.dispatch();
    expect(next.expired + next.rejected).toBe(1);
    expect(taken).toHaveLength(2);
    expect(await memory.size(QUEUE)).toBe(0);
  });
});
