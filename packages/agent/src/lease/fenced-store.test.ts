import { StaleSettlementError, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { beforeEach, describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { FencedStore } from "./fenced-store.js";
import { Lease } from "./lease.js";

const clock = new ManualClock(0);

let memory: MemoryStore;
let store: Store;
let faults: (StoreFault | undefined)[];
let calls: string[];
let lease: Lease;
let fenced: FencedStore;
let lost: string[];

beforeEach(async () => {
  memory = new MemoryStore();
  faults = [];
  calls = [];
  lost = [];
  store = faultyStore(memory, (method) => {
    calls.push(method);
    return faults.shift();
  });
  lease = new Lease(store, clock);
  await lease.take();
  fenced = new FencedStore(store, lease, (reason) => lost.push(reason));
  calls = [];
});

const count = { count: new Map([["work", 1]]) };
const worked = async () => (await memory.counters()).get("work") ?? 0;
const token = async () => (await memory.state(["agent:lease"]))[0];

/** Every call whose answer must hold. */
const dependents = [
  ["settle", (store: Store) => store.settle(count)],
  ["read", (store: Store) => store.read("q", { limit: 1 })],
  ["orphans", (store: Store) => store.orphans("q", 1)],
  ["state", (store: Store) => store.state(["a"])],
  ["stateWithPrefix", (store: Store) => store.stateWithPrefix("a")],
] as const;

describe("a fenced store", () => {
  it("settles what depends on its own state and on the lease, both", async () => {
    const onlyWhile = new Map([["mine", "text"]]);
    await expect(fenced.settle({ ...count, onlyWhile })).rejects.toThrow(StaleSettlementError);
    await memory.settle({ state: onlyWhile });
    await fenced.settle({ ...count, onlyWhile });
    expect(await worked()).toBe(1);
    await memory.settle({ state: new Map([["agent:lease", undefined]]) });
    await expect(fenced.settle({ ...count, onlyWhile })).rejects.toThrow("another agent");
    expect(await worked()).toBe(1);
  });

  it("takes no new token as long as nothing fails", async () => {
    const before = await token();
    for (const [, call] of dependents) await call(fenced);
    await fenced.append("q", []);
    await fenced.heartbeat();
    expect(await token()).toBe(before);
    expect(await fenced.size("q")).toBe(0);
    expect(await fenced.counters()).toEqual(new Map([["work", 1]]));
  });

  it.each(
    dependents,
  )("after a lost answer takes the lease again before it calls %s", async (method, call) => {
    const straggler = { onlyWhile: lease.fence, ...count };
    faults = ["answer lost"];
    await expect(fenced.settle(count)).rejects.toThrow("answer was lost");
    calls = [];
    await call(fenced);
    // The lease: a look and a settlement.
    expect(calls).toEqual(["state", "settle", method]);
    await expect(memory.settle(straggler)).rejects.toThrow(StaleSettlementError);
    expect(lost).toEqual([]);
  });

  it("takes the lease again once for all the calls that wait for it", async () => {
    faults = ["refused"];
    await fenced.settle(count).catch(() => {});
    calls = [];
    await Promise.all(dependents.map(([, call]) => call(fenced)));
    expect(calls.slice(0, 2)).toEqual(["state", "settle"]);
    expect(calls).toHaveLength(2 + dependents.length);
  });

  it("tries again to take it if that fails, and lets nothing through meanwhile", async () => {
    faults = ["refused", "refused", undefined, "answer lost"];
    await expect(fenced.heartbeat()).rejects.toThrow();
    await expect(fenced.settle(count)).rejects.toThrow("refused");
    await expect(fenced.settle(count)).rejects.toThrow("answer was lost");
    expect(await worked()).toBe(0);
    await fenced.settle(count);
    expect(await worked()).toBe(1);
    expect(lost).toEqual([]);
  });

  it.each(dependents)("is lost for good if another agent has it: %s rejects", async (method, call) => {
    const other = new Lease(memory, clock);
    await lease.release();
    await other.take();
    await expect(fenced.settle(count)).rejects.toThrow("another agent");
    expect(lost).toEqual(["the lease has gone to another agent"]);
    calls = [];
    await expect(call(fenced)).rejects.toThrow("another agent");
    expect(calls).not.toContain(method);
    await expect(fenced.heartbeat()).rejects.toThrow("another agent");
    expect(lost).toHaveLength(1);
    expect(await worked()).toBe(0);
  });

  it("is lost for good if another agent had it unnoticed and has released it, even once it is this one's again", async () => {
    const other = new Lease(memory, clock);
    await memory.settle({ state: new Map([["agent:lease", undefined]]) });
    await other.take();
    await other.release();
    await expect(fenced.settle(count)).rejects.toThrow("another agent");
    expect(lost).toEqual(["another agent may have held the lease"]);
    // The token is this agent's again: what it remembers is of before.
    expect(await token()).toBeDefined();
    await expect(fenced.settle(count)).rejects.toThrow("another agent");
    await expect(fenced.read("q", { limit: 1 })).rejects.toThrow("another agent");
    expect(lost).toHaveLength(1);
    expect(await worked()).toBe(0);
  });

  it("leaves the store open when it is closed: it is not its own", async () => {
    await fenced.close();
    expect(calls).toEqual([]);
  });
});
