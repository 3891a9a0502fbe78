import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { until } from "../../../tests/support/until.js";
import { collectRuntimeMetrics } from "./runtime-metrics.js";
import { TestClient } from "./testing.js";

let stop: () => void = () => {};
afterEach(() => stop());

test("the runtime is seen, under dd-trace's names, until it is stopped", async () => {
  const client = new TestClient();
  stop = collectRuntimeMetrics({ client, interval: 20 });
  const garbage: unknown[] = [];
  await until("a collection of garbage to be seen", () => {
    for (let index = 0; index < 100_000; index++) garbage[index % 1000] = { index };
    return (
      client.records("runtime.node.gc.pause.by.type.count", { tags: { gc_type: "scavenge" } }).length > 0
    );
  });
  await until("the event loop's delay", () => client.records("runtime.node.event_loop.delay.max").length > 0);
  stop();
  const last = (metric: string) => Number(client.records(`runtime.node.${metric}`).at(-1)?.value);
  expect(last("mem.rss")).toBeGreaterThan(last("mem.heap_used"));
  expect(last("cpu.total")).toBeGreaterThan(0);
  expect(last("cpu.total")).toBeLessThan(100 * 64);
  expect(last("event_loop.utilization")).toBeGreaterThanOrEqual(0);
  expect(last("event_loop.delay.max")).toBeGreaterThanOrEqual(last("event_loop.delay.median"));
  expect(last("gc.pause.by.type.sum")).toBeGreaterThan(0);
  expect(last("process.active_handles")).toBeGreaterThanOrEqual(0);
  const seen = client.records().length;
  await sleep(60);
  expect(client.records().length).toBe(seen);
});
