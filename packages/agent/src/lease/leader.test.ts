/** Agents beside one another on one real Redis, on clocks that the test moves. */
import type { Store } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { faultyStore } from "../../../../tests/support/faulty-store.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { redisForTests } from "../../../../tests/support/redis-for-tests.js";
import { until } from "../../../../tests/support/until.js";
import { Outage } from "../runtime/outage.js";
import { POLL_INTERVAL, runAsLeader } from "./leader.js";
import { HEARTBEAT_INTERVAL, Lease, TTL } from "./lease.js";
import { Share } from "./share.js";

const server = redisForTests();
const count = { count: new Map([["work", 1]]) };

let clock: ManualClock;
let agents: Agent[];

/** An agent whose work is the store that it was begun with. */
interface Agent {
  work: { readonly store: Store; readonly lost: AbortSignal } | undefined;
  begun: number;
  readonly said: string[];
  readonly outage: Outage;
  readonly leaseOutage: Outage;
  /** A fault that isn't the store's, at each of its calls. */
  fault: Error | undefined;
  /** Its store fails until it is set back. */
  isCutOff: boolean;
  /** How long its work takes to end. */
  ending: Promise<void>;
  stop(): Promise<void>;
  readonly redis: RedisStore;
}

/** @param share of one that works on a shard of several */
async function startAgent(share?: Share): Promise<Agent> {
  const redis = new RedisStore({ url: server.redis.url });
  await until("the connection", async () => (await redis.size("q")) >= 0);
  const signal = new AbortController();
  const said: string[] = [];
  const say = (first: unknown, text?: string) => {
    said.push(text ?? String(first));
  };
  const log = { debug: say, info: say, warn: say, error: say };
  const outage = new Outage("store", clock, log);
  const leaseOutage = new Outage("lease", clock, log, "failing");
  const agent: Agent = {
    work: undefined,
    begun: 0,
    said,
    outage,
    leaseOutage,
    fault: undefined,
    isCutOff: false,
    ending: Promise.resolve(),
    redis,
    stop: async () => {
      signal.abort();
      await ended;
    },
  };
  const ended = runAsLeader(
    {
      store: faultyStore(redis, () => {
        if (agent.fault !== undefined) throw agent.fault;
        return agent.isCutOff ? "refused" : undefined;
      }),
      clock,
      log,
      share,
      outages: { store: outage, own: leaseOutage },
      begin: (store, lost) => {
        expect(agent.work).toBeUndefined();
        agent.work = { store, lost };
        agent.begun += 1;
      },
      end: async () => {
        await agent.ending;
        agent.work = undefined;
      },
    },
    signal.signal,
  );
  agents.push(agent);
  return agent;
}

/** Lets time pass in small steps, with all that the agents do over their connections at each. */
async function pass(duration: number, step: number = POLL_INTERVAL): Promise<void> {
  for (let passed = 0; passed < duration; passed += step) {
    await clock.advance(Math.min(step, duration - passed));
    await settled();
  }
}

/** Redis answers in order, and nothing here takes more calls in a row than this. */
async function settled(): Promise<void> {
  for (let call = 0; call < 6; call++) await Promise.all(agents.map(({ redis }) => redis.size("q")));
}

beforeEach(() => {
  clock = new ManualClock(0);
  agents = [];
});

afterEach(async () => {
  for (const agent of agents) {
    agent.isCutOff = false;
    await agent.stop();
    await agent.redis.close();
  }
});

describe("of two agents side by side", () => {
  it("one works for as long as it lives, the other stands by and says so once", async () => {
    const [first, second] = [await startAgent(), await startAgent()];
    await settled();
    await pass(10 * TTL);
    expect([first.begun, second.begun]).toEqual([1, 0]);
    expect(first.work?.lost.aborted).toBe(false);
    expect(second.said).toEqual(["another agent works on this store: standing by"]);
    expect(first.said).toEqual([]);
    const token = await first.redis.state(["agent:lease"]);
    await first.work?.store.settle(count);
    expect(await first.redis.state(["agent:lease"])).toEqual(token);
  });

  it("the other takes over soon after the TTL from one that can no longer reach the store, which then ends its work", async () => {
    const [first, second] = [await startAgent(), await startAgent()];
    await settled();
    first.isCutOff = true;
    await pass(TTL - HEARTBEAT_INTERVAL);
    expect(second.begun).toBe(0);
    await pass(HEARTBEAT_INTERVAL + POLL_INTERVAL);
    expect(second.begun).toBe(1);
    expect(second.said.at(-1)).toBe("took over the work on this store");
    expect(first.work).toBeDefined();
    first.isCutOff = false;
    await pass(HEARTBEAT_INTERVAL + POLL_INTERVAL);
    expect(first.work).toBeUndefined();
    expect(first.said).toEqual([
      "the lease has gone to another agent: unfinished work stays in the store",
      "another agent works on this store: standing by",
    ]);
    await pass(10 * TTL);
    expect([first.begun, second.begun]).toEqual([1, 1]);
  });

  it("the other begins at its next look when the first has ended, not while that still ends", async () => {
    const [first, second] = [await startAgent(), await startAgent()];
    await settled();
    let end = () => {};
    first.ending = new Promise((resolve) => {
      end = resolve;
    });
    const stopped = first.stop();
    await pass(10 * TTL);
    expect(second.begun).toBe(0);
    end();
    await stopped;
    await pass(POLL_INTERVAL);
    expect(second.begun).toBe(1);
    expect(first.said).toEqual([]);
  });
});

it("a shard that is given up while the store refuses everything is free soon after that", async () => {
  const share = new Share();
  share.limit = 1;
  const [first, second] = [await startAgent(share), await startAgent()];
  await settled();
  share.limit = 0;
  first.isCutOff = true;
  share.giveUpOne();
  await pass(2 * POLL_INTERVAL);
  expect([first.work, second.begun]).toEqual([undefined, 0]);
  first.isCutOff = false;
  await pass(2 * POLL_INTERVAL);
  expect(second.begun).toBe(1);
});

describe("an agent's work under the lease", () => {
  it("begins again if another agent had the lease unnoticed and has ended", async () => {
    const agent = await startAgent();
    await settled();
    const before = agent.work;
    // As it may be while this one's process is paused.
    await agent.redis.settle({ state: new Map([["agent:lease", undefined]]) });
    const other = new Lease(agent.redis, clock);
    await other.take();
    await other.release();
    await expect(before?.store.settle(count)).rejects.toThrow("another agent");
    await settled();
    expect(before?.lost.aborted).toBe(true);
    expect(agent.begun).toBe(2);
    expect(agent.said).toEqual(["another agent may have held the lease: unfinished work stays in the store"]);
    await agent.work?.store.settle(count);
    expect(await agent.redis.counters()).toEqual(new Map([["work", 1]]));
  });

  it("goes on after lost answers and outages, as long as nobody else takes the lease", async () => {
    const agent = await startAgent();
    await settled();
    agent.isCutOff = true;
    await pass(10 * TTL);
    agent.isCutOff = false;
    await pass(HEARTBEAT_INTERVAL);
    expect(agent.begun).toBe(1);
    expect(agent.work?.lost.aborted).toBe(false);
    await agent.work?.store.settle(count);
  });

  it("shows that it lives soon after an outage, before the next beat would be due", async () => {
    const agent = await startAgent();
    await settled();
    agent.isCutOff = true;
    await pass(HEARTBEAT_INTERVAL);
    agent.isCutOff = false;
    await pass(POLL_INTERVAL);
    expect(await agent.redis.state(["agent:lease:beat"])).toEqual(["1"]);
  });

  it("beats no more often than it must: a device's Redis may write each beat to flash", async () => {
    const agent = await startAgent();
    await settled();
    await pass(10 * HEARTBEAT_INTERVAL, 100);
    expect(await agent.redis.state(["agent:lease:beat"])).toEqual(["10"]);
  });

  it("waits for the store, whose outage is reported once, and begins when it is there", async () => {
    const [first, agent] = [await startAgent(), await startAgent()];
    await settled();
    agent.isCutOff = true;
    await first.stop();
    await pass(5 * POLL_INTERVAL);
    expect(agent.outage.report()).toMatchObject({ count: 1, current: { reason: "refused by the test" } });
    expect(agent.begun).toBe(0);
    agent.isCutOff = false;
    await pass(POLL_INTERVAL);
    expect(agent.outage.report()).toEqual({ component: "store", state: "unavailable", count: 1 });
    expect(agent.begun).toBe(1);
  });

  it("isn't begun while taking the lease fails by itself, which is no outage of the store", async () => {
    const [first, agent] = [await startAgent(), await startAgent()];
    await settled();
    agent.fault = new TypeError("a fault");
    await first.stop();
    await pass(2 * POLL_INTERVAL);
    expect(agent.outage.report()).toMatchObject({ component: "store", count: 0 });
    expect(agent.leaseOutage.report()).toMatchObject({ count: 1, current: { reason: "TypeError: a fault" } });
    agent.fault = undefined;
    await pass(POLL_INTERVAL);
    expect(agent.leaseOutage.report()).toEqual({ component: "lease", state: "failing", count: 1 });
    expect(agent.begun).toBe(1);
  });

  it("isn't begun by an agent that is stopped while it stands by, and leaves the holder's lease alone", async () => {
    const [first, second] = [await startAgent(), await startAgent()];
    await settled();
    await second.stop();
    expect(second.begun).toBe(0);
    await pass(HEARTBEAT_INTERVAL);
    expect(first.work?.lost.aborted).toBe(false);
    expect(first.begun).toBe(1);
  });

  it("ends though the store is away", async () => {
    const agent = await startAgent();
    await settled();
    agent.isCutOff = true;
    await agent.stop();
    expect(agent.work).toBeUndefined();
  });
});
