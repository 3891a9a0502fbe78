import { StaleSettlementError, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { thisProcess } from "./holder.js";
import { HEARTBEAT_INTERVAL, Lease, TTL } from "./lease.js";

const LEASE = "agent:lease";
const BEAT = "agent:lease:beat";

let store: Store;
let clock: ManualClock;
let fault: StoreFault | undefined;
/** What only the holder can do. */
const work = (lease: Lease) => store.settle({ onlyWhile: lease.fence, count: new Map([["work", 1]]) });
const newLease = () => new Lease(store, clock);
const another = { kind: "another's", holder: expect.objectContaining(thisProcess()) };

beforeEach(() => {
  fault = undefined;
  clock = new ManualClock(0);
  store = faultyStore(new MemoryStore(), () => fault);
});

describe("of several agents one holds the lease", () => {
  it("the first that takes it, for as long as it shows that it lives", async () => {
    const [holder, watcher] = [newLease(), newLease()];
    expect(await holder.take()).toEqual({ kind: "held", isUnbroken: false });
    for (let passed = 0; passed < 10 * TTL; passed += HEARTBEAT_INTERVAL) {
      expect(await watcher.take()).toEqual(another);
      await clock.advance(HEARTBEAT_INTERVAL);
      await holder.heartbeat();
    }
    await work(holder);
    await expect(work(watcher)).rejects.toThrow(StaleSettlementError);
  });

  it("another once nothing of the holder has changed for the TTL, by the watcher's clock, and no earlier", async () => {
    const [holder, watcher] = [newLease(), newLease()];
    await holder.take();
    await clock.advance(TTL);
    expect(await watcher.take()).toEqual(another);
    await clock.advance(TTL - 1);
    expect(await watcher.take()).toEqual(another);
    await clock.advance(1);
    expect(await watcher.take()).toEqual({ kind: "held", isUnbroken: false });
    await expect(work(holder)).rejects.toThrow(StaleSettlementError);
    await expect(holder.heartbeat()).rejects.toThrow(StaleSettlementError);
    await work(watcher);
    expect(await watcher.take()).toEqual({ kind: "held", isUnbroken: true });
  });

  it("and the wait begins again whenever the holder changes, though it beats no more often than the last one", async () => {
    const [first, second, watcher] = [newLease(), newLease(), newLease()];
    await first.take();
    await watcher.take();
    await clock.advance(TTL - 1);
    await first.release();
    await second.take();
    expect(await watcher.take()).toEqual(another);
    await clock.advance(TTL - 1);
    expect(await watcher.take()).toEqual(another);
  });

  it("the holder, if the store was away for longer than the TTL: it could show nothing", async () => {
    const [holder, watcher] = [newLease(), newLease()];
    await holder.take();
    await watcher.take();
    fault = "refused";
    await clock.advance(TTL);
    await expect(watcher.take()).rejects.toThrow();
    fault = undefined;
    expect(await watcher.take()).toEqual(another);
    await clock.advance(TTL - 1);
    expect(await watcher.take()).toEqual(another);
  });

  it("the holder, if it shows that it lives at the very last moment", async () => {
    const [holder, watcher] = [newLease(), newLease()];
    await holder.take();
    await watcher.take();
    await clock.advance(TTL);
    const taking = watcher.take();
    // The watcher has looked, and hasn't taken it yet.
    await holder.heartbeat();
    expect(await taking).toEqual(another);
    await work(holder);
    expect(await watcher.take()).toEqual(another);
  });

  it("at once the next, if the holder has released it", async () => {
    const [holder, watcher] = [newLease(), newLease()];
    await holder.take();
    await watcher.take();
    await holder.release();
    expect(await store.state([LEASE, BEAT])).toEqual([undefined, undefined]);
    expect(await watcher.take()).toEqual({ kind: "held", isUnbroken: false });
    await holder.release();
    await work(watcher);
  });

  it("at once the next, if the holder's process has ended", async () => {
    const { pid: _, ...ended } = { ...thisProcess(), agent: "one that was killed", token: "any" };
    // Above what Linux gives out.
    const text = JSON.stringify({ ...ended, pid: 2 ** 22 + 1 });
    await store.settle({ state: new Map([[LEASE, text]]) });
    expect(await newLease().take()).toMatchObject({ kind: "held" });
  });

  it.each(["not JSON", "null", "7", "{}"])("any, if the text is %s, which no agent wrote", async (text) => {
    await store.settle({ state: new Map([[LEASE, text]]) });
    expect(await newLease().take()).toEqual({ kind: "held", isUnbroken: false });
  });

  it("one of two that take it at the same moment", async () => {
    const leases = [newLease(), newLease()] as const;
    const taken = await Promise.all(leases.map((lease) => lease.take()));
    expect(taken.map(({ kind }) => kind).sort()).toEqual(["another's", "held"]);
    expect(taken.find(({ kind }) => kind === "another's")).toEqual({ kind: "another's", holder: undefined });
  });
});

describe("what is done under the lease", () => {
  it("needs it to have been taken", async () => {
    await expect(work(newLease())).rejects.toThrow(StaleSettlementError);
  });

  it("comes to nothing once it was taken again: nothing that is still on its way is applied later", async () => {
    const lease = newLease();
    await lease.take();
    const before = lease.fence;
    await lease.take();
    await expect(store.settle({ onlyWhile: before })).rejects.toThrow(StaleSettlementError);
    await work(lease);
  });

  it("is an error that is reported if the lease can't be released", async () => {
    const lease = newLease();
    await lease.take();
    fault = "refused";
    await expect(lease.release()).rejects.toThrow("refused");
  });
});

/** One step of one of two agents, whose call of the store may fail. */
interface Step {
  readonly of: 0 | 1;
  readonly does: "take" | "release" | "expire" | "go back";
  readonly fault: StoreFault | undefined;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    of: fc.constantFrom<0 | 1>(0, 1),
    does: fc.constantFrom<Step["does"]>("take", "take", "take", "release", "expire", "go back"),
    fault: fc.constantFrom<StoreFault | undefined>(undefined, undefined, "refused", "answer lost"),
  }),
  { maxLength: 25 },
);

describe("whoever takes the lease again learns of a gap", () => {
  it("whatever was lost, released, taken or brought back by a server with older data meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const memory = new MemoryStore();
        clock = new ManualClock(0);
        let lost: StoreFault | undefined;
        store = faultyStore(memory, (method) => (method === "settle" ? lost : undefined));
        const leases = [newLease(), newLease()] as const;
        /** For each agent: whether somebody else can have had it since it last knew that it holds it. */
        const hasGap = [true, true];
        const older: (string | undefined)[] = [];
        const ownText: (string | undefined)[] = [];
        const text = async () => (await memory.state([LEASE]))[0];
        for (const { of, does, fault: next } of all) {
          const before = await text();
          lost = next;
          if (does === "expire") await clock.advance(TTL);
          if (does === "release") await leases[of].release().catch(() => {});
          // Nobody else had it, but the data is that of before. If that is an agent's own last text, only the
          // store's epoch can tell, after which everything is read again (reread-store.test.ts).
          if (does === "go back") {
            const restored = older.at(-1);
            await memory.settle({ state: new Map([[LEASE, restored]]) });
            for (const agent of [0, 1] as const)
              hasGap[agent] = restored === undefined || restored !== ownText[agent];
          }
          if (does === "take") {
            const taken = await leases[of].take().catch(() => undefined);
            if (taken?.kind === "held") {
              if (taken.isUnbroken) expect(hasGap[of]).toBe(false);
              hasGap[of] = false;
              older.push(before);
              ownText[of] = await text();
            }
          }
          const after = await text();
          if (does !== "go back" && after !== before) hasGap[1 - of] = true;
          if (after === undefined) hasGap[of] = true;
        }
        // And none is reported if there was none.
        const [lease] = leases;
        lost = undefined;
        await lease.take();
        await clock.advance(TTL);
        await lease.take();
        lost = "answer lost";
        await lease.take().catch(() => {});
        await lease.take().catch(() => {});
        lost = undefined;
        expect(await lease.take()).toEqual({ kind: "held", isUnbroken: true });
      }),
      { numRuns: 300 },
    );
  });
});
