/** The dispatch loop: how long it waits, and what ends a wait early. */
import { setTimeout as sleep } from "node:timers/promises";
import { NAMESPACE } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { expect, it } from "vitest";
import { SentBytes } from "../../packages/agent/src/dispatch/sent-bytes.js";
import type { Rules } from "../../packages/agent/src/intake/faults.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type Delivering, type DeliveringOptions, deliveries } from "../support/delivering.js";
import { until } from "../support/until.js";

const cleanUps = cleanUpsAfterEach();
const { intakeWith, deliverTo: deliverToUrl } = deliveries(cleanUps);

async function deliverTo(rules: Rules, options?: Partial<DeliveringOptions>): Promise<Delivering> {
  return deliverToUrl((await intakeWith({ rules })).url, options);
}

it("waits for the rest of the release interval after each dispatch", async () => {
  const delivering = await deliverTo(() => undefined);
  await delivering.put("a");
  delivering.run();
  await until("some releases", () => delivering.waits.length > 3);
  for (const wait of delivering.waits) {
    expect(wait).toBeGreaterThan(50_000);
    expect(wait).toBeLessThanOrEqual(60_000);
  }
});

it("begins a second outage with short waits", async () => {
  let isDown = true;
  const delivering = await deliverTo(() => (isDown ? { status: 503 } : undefined));
  const outage = async (attempts: number) => {
    isDown = true;
    await delivering.put("a");
    const before = delivering.waits.length;
    await until("some attempts", () => delivering.waits.length >= before + attempts);
    isDown = false;
    await until("its end", async () => (await delivering.waiting()) === 0);
    return delivering.waits.slice(before).filter((wait) => wait < 50_000);
  };
  delivering.run();
  await outage(10);
  const waits = await outage(4);
  for (const [index, wait] of waits.slice(0, 4).entries()) {
    expect(wait).toBeLessThanOrEqual(1_000 * 2 ** index);
  }
  expect(delivering.said.filter((text) => text.startsWith("Datadog is unavailable: "))).toHaveLength(2);
});

it("dispatches right away when it is woken, and right after the dispatch under way", async () => {
  let requests = 0;
  let wakeDuringRequest = () => {};
  const delivering = await deliverTo(
    ({ path }) => {
      if (path === "/api/v2/series") requests += 1;
      wakeDuringRequest();
      return undefined;
    },
    { sleeps: "for ever" },
  );
  delivering.run();
  await until("the first sleep", () => delivering.waits.length === 1);
  await delivering.put("a");
  delivering.loop.wake();
  await until("the record to be delivered", async () => (await delivering.waiting()) === 0);
  await until("the second sleep", () => delivering.waits.length === 2);
  wakeDuringRequest = () => {
    wakeDuringRequest = () => {};
    void delivering.put("c").then(() => delivering.loop.wake());
  };
  await delivering.put("b");
  delivering.loop.wake();
  await until("both to be delivered", async () => (await delivering.delivered()) === 3);
  expect(requests).toBeGreaterThanOrEqual(2);
});

it("keeps the wait of an output that failed when it is woken", async () => {
  const delivering = await deliverTo(() => ({ status: 503 }), { sleeps: "for ever" });
  await delivering.put("a");
  delivering.run();
  await until("the first sleep", () => delivering.waits.length === 1);
  delivering.loop.wake();
  await sleep(100);
  expect(delivering.waits).toHaveLength(1);
});

it("dispatches nothing while the clock isn't trusted", async () => {
  let isTrusted = false;
  const requested: string[] = [];
  const delivering = await deliverTo(
    ({ path }) => {
      requested.push(path);
      return undefined;
    },
    { whileClockHolds: async (step) => (isTrusted ? step() : undefined) },
  );
  await delivering.put("a");
  delivering.run();
  await until("some looks at the clock", () => delivering.waits.length > 3);
  expect(requested).toEqual([]);
  expect(delivering.waits.every((wait) => wait === 1_000)).toBe(true);
  isTrusted = true;
  await until("the record to be delivered", async () => (await delivering.waiting()) === 0);
});

it("reads the count of sent bytes once, and keeps what isn't settled yet", async () => {
  const store = new MemoryStore();
  const sent = new SentBytes(store, systemClock);
  await sent.load();
  sent.add(100);
  const [day] = new Date().toISOString().split("T");
  await store.settle({ state: new Map([[`${NAMESPACE}:sent:${day}`, "7"]]) });
  await sent.load();
  expect(sent.today()).toBe(100);
});
