/** Agents that share shards on one store, with their leases, on a clock that the test moves. */
import type { Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { Outage } from "../runtime/outage.js";
import { runAsLeader } from "./leader.js";
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
