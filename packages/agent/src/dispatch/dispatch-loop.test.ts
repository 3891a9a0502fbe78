/** The dispatch loop, on a clock that the test moves: how long it waits, what ends a wait early, and what it reports. */
import { withStoreErrors } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { afterEach, describe, expect, it, vi } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import type { Outcome, Output } from "../outputs/output.js";
import type { WireMeter } from "../outputs/wire-meter.js";
import { Outage } from "../runtime/outage.js";
import { DispatchLoop } from "./dispatch-loop.js";
import { Dispatcher } from "./dispatcher.js";
import { SENT_BYTES_STATE, SentBytes } from "./sent-bytes.js";
import { WIRE_STATE } from "./wire-counts.js";

const QUEUE = "chouette:metrics:wrapped";
const START = Date.UTC(2026, 5, 1);
const SECOND = 1_000;
const RELEASE = 60 * SECOND;
/** Far more than any test needs: a loop that doesn't wait must not run forever. */
const MAX_ROUNDS = 1_000;

const delivered: Outcome = { kind: "delivered", bytes: 10 };
const down: Outcome = { kind: "unavailable", reason: "HTTP 503", answered: true, bytes: 10 };
const forbidden: Outcome = { kind: "unauthorized", reason: "HTTP 403", bytes: 10 };

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const { stop } of running.splice(0)) await stop();
});

function start() {
  const clock = new ManualClock(START);
  const memory = new MemoryStore();
  const said: string[] = [];
  const say = (first: unknown, text?: string) => void said.push(text ?? String(first));
  const log = { debug: say, info: say, warn: say, error: say };
  const world = {
    clock,
    memory,
    said,
    /** What the output answers to a batch, and to a check of the key. */
    answer: (): Outcome | Promise<Outcome> => delivered,
    check: (): Outcome => delivered,
    fault: (_method: string): StoreFault | undefined => undefined,
    /** Thrown by each dispatch. */
    bug: undefined as Error | undefined,
    isClockSet: true,
    /** Bytes on the wire that nobody has counted yet. */
    wire: 0,
    /** Seconds since the start at which batches were sent, and at which the key was checked. */
    sent: [] as number[],
    checked: [] as number[],
    /** Seconds at which the loop looked at the clock, to dispatch if that is set. */
    begun: [] as number[],
    put: async (...ids: string[]) => {
      const score = clock.now() / SECOND - 1;
      await memory.append(
        QUEUE,
        ids.map((id) => ({ score, id, value: id })),
      );
    },
  };
  const passed = () => clock.monotonic() / SECOND;
  const output: Output<string> = {
    send: async () => {
      world.sent.push(passed());
      return world.answer();
    },
    check: async () => {
      world.checked.push(passed());
      return world.check();
    },
    close: async () => {},
  };
  const meter = {
    take: () => {
      const bytes = world.wire;
      world.wire = 0;
      return new Map(bytes === 0 ? [] : [["host validation", { sent: bytes, received: 0 }]]);
    },
  } as unknown as WireMeter;
  const store = withStoreErrors(faultyStore(memory, (method) => world.fault(method)));
  const dispatcher = new Dispatcher({
    ...{ store, queue: QUEUE, rejectedQueue: "chouette:rejected", output, clock, batchSize: 10 },
    decode: (text) => (text.startsWith("bad") ? { ok: false, reason: "bad" } : { ok: true, value: text }),
    sendPolicy: () => {
      if (world.bug !== undefined) throw world.bug;
      return true;
    },
    sentBytes: new SentBytes(store, clock, meter),
    ttl: seconds(14_400),
    fresh: seconds(100),
  });
  const outages = {
    store: new Outage("store", clock, log),
    own: new Outage("dispatch", clock, log, "failing"),
    output: new Outage("Datadog", clock, log),
  };
  const loop = new DispatchLoop({
    ...{ name: "Datadog", dispatcher, output, clock, log, loopOutages: outages },
    releaseInterval: milliseconds(RELEASE),
    outputOutage: outages.output,
    whileClockHolds: async (step) => {
      world.begun.push(passed());
      if (world.begun.length > MAX_ROUNDS) throw new Error("the loop doesn't wait");
      return world.isClockSet ? step() : undefined;
    },
  });
  const ending = new AbortController();
  const ended = loop.run(ending.signal);
  const stop = async () => {
    ending.abort();
    await clock.advance(0);
    await ended;
  };
  running.push({ stop });
  return Object.assign(world, { loop, outages, stop, ending: ending.signal });
}

/** Without jitter, at the upper limit of each wait. */
function withoutJitter(): void {
  vi.spyOn(Math, "random").mockReturnValue(1);
}

const current = (outage: Outage) => outage.report().current?.reason;

describe("between two dispatches the loop", () => {
  it("waits for the rest of the release interval, and not at all after one that took longer", async () => {
    const world = start();
    const { clock, begun } = world;
    const durations = [20, 70];
    world.answer = async () => {
      await clock.sleep(milliseconds((durations.shift() ?? 0) * SECOND));
      return delivered;
    };
    await world.put("a");
    await clock.advance(50 * SECOND);
    await world.put("b");
    await clock.advance(240 * SECOND);
    expect(begun).toEqual([0, 60, 130, 190, 250]);
    expect(world.sent).toEqual([0, 60]);
  });

  it("waits up to twice as long after each failure, up to 64 s, and up to 1 s again after a success", async () => {
    withoutJitter();
    const world = start();
    const { clock, begun } = world;
    world.answer = () => down;
    await world.put("a");
    await clock.advance(260 * SECOND);
    // 1, 2, 4, 8, 16, 32, 64 and 64 s.
    expect(begun).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 191, 255]);
    expect(world.outages.output.report()).toMatchObject({ count: 1, current: { reason: "HTTP 503" } });
    world.answer = () => delivered;
    await clock.advance(60 * SECOND);
    expect(begun.at(-1)).toBe(319);
    expect(world.outages.output.report()).toMatchObject({ count: 1 });
    expect(current(world.outages.output)).toBeUndefined();
    world.answer = () => down;
    await world.put("b");
    await clock.advance(64 * SECOND);
    expect(begun.slice(-3)).toEqual([379, 380, 382]);
    expect(world.outages.output.report()).toMatchObject({ count: 2 });
  });

  it("has jitter: devices don't retry in step", async () => {
    const worlds = [start(), start(), start()];
    const times = await Promise.all(
      worlds.map(async (world) => {
        world.answer = () => down;
        await world.put("a");
        await world.clock.advance(100 * SECOND);
        return world.begun.join();
      }),
    );
    expect(new Set(times).size).toBe(3);
  });

  it("waits as long as the output asks if that is longer, and an hour at most", async () => {
    withoutJitter();
    const world = start();
    const { clock, begun } = world;
    const asked = [500, 120_000, 999_999_999];
    world.answer = () => ({ ...down, retryAfter: milliseconds(asked.shift() ?? 0) });
    await world.put("a");
    await clock.advance(4_000 * SECOND);
    expect(begun.slice(0, 4)).toEqual([0, 1, 121, 3_721]);
  });

  it("looks at the clock each second while that isn't set, and dispatches nothing", async () => {
    const world = start();
    const { clock, begun } = world;
    world.isClockSet = false;
    await world.put("a");
    await clock.advance(0);
    world.sent.splice(0);
    await clock.advance(RELEASE);
    await world.put("b");
    await clock.advance(3 * SECOND);
    expect(begun.slice(1)).toEqual([60, 61, 62, 63]);
    expect(world.sent).toEqual([]);
    world.isClockSet = true;
    await clock.advance(SECOND);
    expect(world.sent).toEqual([64]);
  });

  it("tries again a second after a failure of the store, whose outage it reports once", async () => {
    const world = start();
    const { clock, begun, outages } = world;
    await clock.advance(30 * SECOND);
    world.fault = () => "refused";
    await clock.advance(33 * SECOND);
    expect(begun).toEqual([0, 60, 61, 62, 63]);
    expect(current(outages.store)).toBe("refused by the test");
    world.fault = () => undefined;
    await clock.advance(70 * SECOND);
    expect(begun.slice(5)).toEqual([64, 124]);
    expect(outages.store.report()).toEqual({ component: "store", state: "unavailable", count: 1 });
    expect(outages.own.report().count + outages.output.report().count).toBe(0);
  });

  it("tries again a second after a fault that isn't the store's, which is its own outage", async () => {
    const world = start();
    const { clock, begun, outages } = world;
    await clock.advance(SECOND);
    world.bug = new TypeError("a bug");
    await clock.advance(61 * SECOND);
    expect(begun).toEqual([0, 60, 61, 62]);
    expect(current(outages.own)).toBe("TypeError: a bug");
    world.bug = undefined;
    await clock.advance(SECOND);
    expect(outages.own.report()).toEqual({ component: "dispatch", state: "failing", count: 1 });
    expect(outages.store.report().count).toBe(0);
  });
});

describe("a loop that is woken", () => {
  it("dispatches right away, once, and waits for the whole interval again", async () => {
    const { clock, begun, loop } = start();
    await clock.advance(10 * SECOND);
    loop.wake();
    loop.wake();
    await clock.advance(RELEASE + 5 * SECOND);
    expect(begun).toEqual([0, 10, 70]);
  });

  it("while it dispatches, dispatches again right afterwards, once", async () => {
    const world = start();
    const { clock, begun, loop } = world;
    await world.put("a");
    const durations = [20];
    world.answer = async () => {
      await clock.sleep(milliseconds((durations.shift() ?? 0) * SECOND));
      return delivered;
    };
    await clock.advance(10 * SECOND);
    loop.wake();
    await clock.advance(75 * SECOND);
    expect(begun).toEqual([0, 20, 80]);
  });

  it.each([
    ["after a failure", down, 64],
    ["while the key isn't accepted", forbidden, 60],
  ] as const)("keeps its wait %s", async (_, answer, longest) => {
    const world = start();
    const { clock, begun, loop } = world;
    world.answer = () => answer;
    world.check = () => forbidden;
    await world.put("a");
    await clock.advance(0);
    loop.wake();
    await clock.advance(0);
    expect(begun).toEqual([0]);
    world.check = () => delivered;
    world.answer = () => delivered;
    await clock.advance(longest * SECOND);
    const rounds = begun.length;
    // It has succeeded meanwhile.
    loop.wake();
    await clock.advance(0);
    expect(begun).toHaveLength(rounds + 1);
  });
});

describe("a loop whose key is refused", () => {
  it("sends nothing and checks the key each minute, until that is accepted", async () => {
    const world = start();
    const { clock, sent, checked, outages, said } = world;
    world.answer = () => forbidden;
    world.check = () => forbidden;
    await world.put("a");
    await clock.advance(150 * SECOND);
    await world.put("b");
    expect({ sent, checked }).toEqual({ sent: [0], checked: [60, 120] });
    expect(current(outages.output)).toBe("HTTP 403");
    // No answer either, and one that isn't the intake's.
    world.check = () => down;
    await clock.advance(60 * SECOND);
    // The key passes the check and is refused again.
    world.check = () => delivered;
    await clock.advance(60 * SECOND);
    expect({ sent, checked }).toEqual({ sent: [0, 240], checked: [60, 120, 180, 240] });
    world.answer = () => delivered;
    await clock.advance(60 * SECOND);
    expect({ sent, checked }).toEqual({ sent: [0, 240, 300], checked: [60, 120, 180, 240, 300] });
    expect(current(outages.output)).toBeUndefined();
    await clock.advance(60 * SECOND);
    // It isn't checked any more.
    expect(checked).toHaveLength(5);
    const refusal = "Datadog refuses the API key: nothing is sent until the key is accepted";
    expect(said.filter((text) => text === refusal)).toHaveLength(1);
    world.answer = () => forbidden;
    await world.put("c");
    await clock.advance(60 * SECOND);
    expect(said.filter((text) => text === refusal)).toHaveLength(2);
  });

  it("still removes records that are too old, and counts the bytes of its checks", async () => {
    const world = start();
    const { clock, memory } = world;
    world.answer = () => forbidden;
    world.check = () => {
      world.wire = 100;
      return forbidden;
    };
    await world.put("a");
    await clock.advance(30 * SECOND);
    await memory.append(QUEUE, [{ score: START / SECOND - 20_000, id: "old", value: "old" }]);
    await clock.advance(60 * SECOND);
    expect(await memory.size(QUEUE)).toBe(1);
    expect(await memory.state([`${WIRE_STATE}2026-06`, `${SENT_BYTES_STATE}2026-06`])).toEqual([
      '{"host validation":[100,0]}',
      "10",
    ]);
  });

  it.each([
    "settle",
    "read",
  ])("reports the store's outage if that fails meanwhile: its %s", async (method) => {
    const world = start();
    const { clock, begun, outages, memory } = world;
    world.answer = () => forbidden;
    world.check = () => {
      world.wire = 100;
      return forbidden;
    };
    await world.put("a");
    await memory.append(QUEUE, [{ score: START / SECOND - 14_390, id: "ageing", value: "ageing" }]);
    await clock.advance(30 * SECOND);
    world.fault = (called) => (called === method ? "refused" : undefined);
    await clock.advance(31 * SECOND);
    expect(begun).toEqual([0, 60, 61]);
    expect(current(outages.store)).toBe("refused by the test");
  });
});

describe("a loop that is stopped", () => {
  it("ends while it waits, and dispatches no more", async () => {
    const { clock, begun, stop } = start();
    await clock.advance(10 * SECOND);
    await stop();
    await clock.advance(10 * RELEASE);
    expect(begun).toEqual([0]);
  });

  it.each([
    ["isn't delivered any more", down],
    ["is refused for its key", forbidden],
  ])("ends after the running dispatch, and reports no outage if that %s", async (_, answer) => {
    const world = start();
    const { clock, outages, said } = world;
    await world.put("a");
    world.answer = async () => {
      await clock.sleep(milliseconds(5 * SECOND));
      return answer;
    };
    await clock.advance(SECOND);
    const stopped = world.stop();
    await clock.advance(5 * SECOND);
    await stopped;
    expect(world.begun).toEqual([0]);
    expect(outages.output.report().count).toBe(0);
    expect(said).toEqual([]);
  });

  it("reports no outage of a store that is closed under the running dispatch", async () => {
    const world = start();
    const { clock, outages } = world;
    await world.put("a");
    world.answer = async () => {
      await clock.sleep(milliseconds(5 * SECOND));
      world.fault = () => "refused";
      return delivered;
    };
    await clock.advance(SECOND);
    const stopped = world.stop();
    await clock.advance(5 * SECOND);
    await stopped;
    expect(outages.store.report().count + outages.own.report().count).toBe(0);
  });
});

it.each([
  ["something was delivered", ["a"], true],
  ["something became a dead letter", ["bad"], true],
  ["something expired", ["old"], true],
  ["as many were delivered as became dead letters", ["a", "bad"], true],
  ["as many became dead letters as expired", ["bad", "old"], true],
  ["as many were delivered as expired", ["a", "old"], true],
  ["there was nothing to do", [], false],
])("a dispatch is logged or not: %s", async (_, ids, isLogged) => {
  const world = start();
  const old = ids
    .filter((id) => id === "old")
    .map((id) => ({ score: START / SECOND - 20_000, id, value: id }));
  await world.memory.append(QUEUE, old);
  await world.put(...ids.filter((id) => id !== "old"));
  await world.clock.advance(0);
  expect(world.said).toEqual(isLogged ? ["dispatched"] : []);
});
