/** Agents that share shards on one store, with their leases, on a clock that the test moves. */
import { StaleSettlementError, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { Outage } from "../runtime/outage.js";
import { thisProcess } from "./holder.js";
import { runAsLeader } from "./leader.js";
import { HEARTBEAT_INTERVAL, TTL } from "./lease.js";
import { Members } from "./members.js";
import { fairShare, Share } from "./share.js";

const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const TAKE_OVER_MS = 10_000;
const SECOND = milliseconds(1_000);

interface SimulatedAgent {
  /** Numbers of the shards that it works on. */
  readonly works: Set<number>;
  /** Its calls of the store wait for it. */
  gate: Promise<void>;
  resume: () => void;
  isStopped: boolean;
  stop(): Promise<void>;
}

/** The store, as an agent that may be paused or killed sees it. */
function gated(store: Store, agent: Pick<SimulatedAgent, "gate">): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        await agent.gate;
        return member.apply(target, args);
      };
    },
  });
}

function startAgent(shards: readonly Store[], clock: ManualClock): SimulatedAgent {
  const ending = new AbortController();
  const agent: SimulatedAgent = {
    works: new Set(),
    gate: Promise.resolve(),
    resume: nothing,
    isStopped: false,
    stop: async () => {
      agent.isStopped = true;
      ending.abort();
      await members.leave();
      await Promise.all(running);
    },
  };
  const stores = shards.map((store) => gated(store, agent));
  const members = new Members(stores[0] ?? new MemoryStore(), clock);
  const share = new Share();
  const outages = { store: new Outage("store", clock, log), own: new Outage("lease", clock, log) };
  const sharing = async () => {
    while (!ending.signal.aborted) {
      const { members: number, place } = await members.update();
      share.limit = fairShare(shards.length, number, place);
      share.giveUpOne();
      await clock.sleep(SECOND, ending.signal);
    }
  };
  const leading = stores.map((store, shard) =>
    runAsLeader(
      {
        ...{ store, clock, log, share, outages },
        begin: () => agent.works.add(shard),
        end: async () => {
          agent.works.delete(shard);
        },
      },
      ending.signal,
    ),
  );
  const running = [sharing(), ...leading];
  return agent;
}

type Event = "join" | "kill" | "pause" | "resume" | "stop";

interface Step {
  readonly event: Event;
  readonly agent: number;
  /** Time that passes before it. */
  readonly after: number;
}

const steps = fc.array(
  fc.record({
    event: fc.constantFrom<Event>("join", "join", "kill", "pause", "resume", "stop"),
    agent: fc.nat(9),
    after: fc.integer({ min: 0, max: 5_000 }),
  }),
  { maxLength: 8 },
);

class World {
  readonly clock = new ManualClock(0);
  readonly shards: readonly Store[];
  #agents: SimulatedAgent[] = [];

  constructor(shards: number) {
    this.shards = Array.from({ length: shards }, () => new MemoryStore());
  }

  /** Those that live, and aren't paused. */
  get living(): readonly SimulatedAgent[] {
    return this.#agents.filter((agent) => agent.resume === nothing && !agent.isStopped);
  }

  async take({ event, agent: index, after }: Step): Promise<void> {
    await this.clock.advance(after);
    const { living } = this;
    const agent = living[index % Math.max(1, living.length)];
    if (event === "join") this.#agents.push(startAgent(this.shards, this.clock));
    if (event === "resume") for (const paused of this.#agents) paused.resume();
    // One always goes on: it is that which has to take over.
    if (agent === undefined || living.length < 2) return;
    if (event === "stop") {
      const stopped = agent.stop();
      await this.clock.advance(0);
      await stopped;
    }
    if (event === "kill" || event === "pause") pause(agent, event === "pause");
  }
}

function pause(agent: SimulatedAgent, mayResume: boolean): void {
  let open = nothing;
  agent.gate = new Promise((resolve) => {
    open = resolve;
  });
  agent.resume = () => {
    if (!mayResume) return;
    agent.resume = nothing;
    open();
  };
}

describe("of agents that share shards, whichever joined, stopped, were killed or paused before", () => {
  it("every shard has one again within 10 seconds, and each has its fair share soon after", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 7 }), steps, async (shards, all) => {
        const world = new World(shards);
        await world.take({ event: "join", agent: 0, after: 0 });
        for (const step of all) await world.take(step);
        await world.clock.advance(TAKE_OVER_MS);
        const worked = () => world.living.flatMap(({ works }) => [...works]).sort((a, b) => a - b);
        const each = Array.from({ length: shards }, (_, shard) => shard);
        expect(worked()).toEqual(each);
        // One is given up each second, and taken by another within the next.
        await world.clock.advance(2 * shards * SECOND);
        expect(worked()).toEqual(each);
        const sizes = world.living.map(({ works }) => works.size);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 25 },
    );
  });
});

describe("the list of members", () => {
  const KEY = "agents";

  function start() {
    const memory = new MemoryStore();
    const clock = new ManualClock(0);
    const faults: (StoreFault | undefined)[] = [];
    const calls: string[] = [];
    const store = faultyStore(memory, (method) => {
      calls.push(method);
      return faults.shift();
    });
    const join = () => new Members(store, clock);
    const text = async () => (await memory.state([KEY]))[0];
    const list = async (): Promise<readonly { id: string; beat: number }[]> =>
      JSON.parse((await text()) ?? "[]");
    const write = (list: unknown) => memory.settle({ state: new Map([[KEY, JSON.stringify(list)]]) });
    return { memory, clock, faults, calls, store, join, text, list, write };
  }

  it("is in the order in which they joined, and counts them", async () => {
    const { join, list, calls } = start();
    const [first, second, third] = [join(), join(), join()];
    expect(await first.update()).toEqual({ members: 1, place: 0 });
    expect(await second.update()).toEqual({ members: 2, place: 1 });
    expect(await third.update()).toEqual({ members: 3, place: 2 });
    expect(await first.update()).toEqual({ members: 3, place: 0 });
    expect(await list()).toEqual(
      [1, 1, 1].map((beat) => ({ ...thisProcess(), id: expect.any(String), beat })),
    );
    await second.leave();
    expect(await third.update()).toEqual({ members: 2, place: 1 });
    await third.leave();
    const before = calls.length;
    await third.leave();
    expect(calls.slice(before)).toEqual(["state"]);
    await first.leave();
  });

  it("is no longer in the store once the last one has left", async () => {
    const { join, text } = start();
    const only = join();
    await only.update();
    await only.leave();
    expect(await text()).toBeUndefined();
  });

  it("is written by a member once in each heartbeat's time, not at each look: a device's Redis is on flash", async () => {
    const { join, clock, calls, list } = start();
    const member = join();
    for (let look = 0; look < 10; look++) {
      await member.update();
      await clock.advance(HEARTBEAT_INTERVAL / 4);
    }
    expect(calls.filter((method) => method === "settle")).toHaveLength(3);
    expect((await list()).map(({ beat }) => beat)).toEqual([3]);
    await clock.advance(HEARTBEAT_INTERVAL - 1 - HEARTBEAT_INTERVAL / 2);
    await member.update();
    expect((await list()).map(({ beat }) => beat)).toEqual([3]);
    await clock.advance(1);
    await member.update();
    expect((await list()).map(({ beat }) => beat)).toEqual([4]);
  });

  it("keeps a member that shows nothing for the TTL, by each watcher's clock, and no longer", async () => {
    const { join, clock } = start();
    const [first, silent] = [join(), join()];
    await silent.update();
    await first.update();
    await clock.advance(TTL - 1);
    expect(await first.update()).toEqual({ members: 2, place: 1 });
    // Another watcher has just begun.
    const later = join();
    expect(await later.update()).toEqual({ members: 3, place: 2 });
    await clock.advance(1);
    expect(await later.update()).toEqual({ members: 3, place: 2 });
    expect(await first.update()).toEqual({ members: 2, place: 0 });
    // It lives after all, and is the last one now.
    expect(await silent.update()).toEqual({ members: 3, place: 2 });
  });

  it("is written without those that are gone, even if no heartbeat is due, and this is no heartbeat", async () => {
    const { join, clock, list, write, calls } = start();
    const member = join();
    await member.update();
    // Above what Linux gives out.
    const ended = { ...thisProcess(), pid: 2 ** 22 + 1, id: "killed", beat: 1 };
    await write([...(await list()), ended]);
    await clock.advance(HEARTBEAT_INTERVAL - 1);
    expect(await member.update()).toEqual({ members: 1, place: 0 });
    expect((await list()).map(({ beat }) => beat)).toEqual([1]);
    await clock.advance(1);
    await member.update();
    expect((await list()).map(({ beat }) => beat)).toEqual([2]);
    const before = calls.length;
    await member.update();
    expect(calls.slice(before)).toEqual(["state"]);
  });

  it("begins a member's TTL again after the store was away: its changes went unseen", async () => {
    const { join, clock, faults } = start();
    const [watcher, other] = [join(), join()];
    await other.update();
    await watcher.update();
    await clock.advance(TTL - 1);
    faults.push("refused");
    await expect(watcher.update()).rejects.toThrow("refused by the test");
    await clock.advance(TTL - 1);
    expect(await watcher.update()).toMatchObject({ members: 2 });
    await clock.advance(TTL - 1);
    expect(await watcher.update()).toMatchObject({ members: 2 });
    await clock.advance(1);
    expect(await watcher.update()).toMatchObject({ members: 1 });
  });

  it("has a member once whose answer was lost", async () => {
    const { join, faults, list } = start();
    const member = join();
    faults.push(undefined, "answer lost");
    await expect(member.update()).rejects.toThrow("answer was lost");
    expect(await member.update()).toEqual({ members: 1, place: 0 });
    // Counted before it is written: a beat that repeats would look like none.
    expect((await list()).map(({ beat }) => beat)).toEqual([2]);
  });

  it.each([
    ["joins", (member: Members) => member.update(), 3],
    ["leaves", (member: Members) => member.leave(), 1],
  ] as const)("takes each change once if another member always writes first as one %s, up to five times", async (_, change, members) => {
    for (const collisions of [4, 5]) {
      const { memory, clock, list, write } = start();
      let left = 0;
      const disturbed = faultyStore(memory, () => undefined);
      const settle = memory.settle.bind(memory);
      memory.settle = async (settlement) => {
        if (left-- > 0) {
          const [key] = settlement.onlyWhile?.keys() ?? [];
          expect(key).toBe(KEY);
          await settle({
            state: new Map([
              [KEY, JSON.stringify([...(await list())].map((each) => ({ ...each, beat: each.beat + 1 })))],
            ]),
          });
        }
        return settle(settlement);
      };
      const member = new Members(disturbed, clock);
      const others = ["a", "b"].map((id) => ({ ...thisProcess(), id, beat: 1 }));
      await write(others.slice(0, 1));
      if (members === 1) await member.update();
      else await write(others);
      left = collisions;
      if (collisions === 5) await expect(change(member)).rejects.toThrow(StaleSettlementError);
      else await change(member);
      expect(left).toBe(collisions === 5 ? 0 : -1);
      expect(await list()).toHaveLength(collisions === 5 ? 2 : members);
    }
  });

  it.each([
    "refused",
    "answer lost",
  ] as const)("reports a fault of the store as a member leaves: %s", async (fault) => {
    const { join, faults } = start();
    const member = join();
    await member.update();
    faults.push(undefined, fault);
    await expect(member.leave()).rejects.toThrow();
    await member.leave();
  });

  it.each([
    "not JSON",
    "7",
    "null",
    "{}",
    '[null, 7, "x", {}, {"id":1,"beat":1}, {"id":"x"}, {"id":"x","beat":"1"}]',
  ])("has no entries that no agent wrote: %s", async (text) => {
    const { memory, join, list } = start();
    await memory.settle({ state: new Map([[KEY, text]]) });
    expect(await join().update()).toEqual({ members: 1, place: 0 });
    expect(await list()).toHaveLength(1);
  });
});
