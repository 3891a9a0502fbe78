import { expect, test } from "vitest";
import { newFolder } from "../../../tests/support/folders.js";
import { ChouetteClient } from "./client.js";

/** Nobody listens on port 1: what the buffer has no room for is dropped. */
function clientWithoutBroker() {
  return new ChouetteClient({ port: 1, bufferRecords: 1_000, aggregate: false, answerTimeoutMs: 60_000 });
}

test("a drop listener may record and log: each record is settled once, and every call is answered", async () => {
  const client = clientWithoutBroker();
  const logs = client.logSink();
  let calls = 0;
  client.on("drop", (_, records) => {
    calls += 2;
    void client.count("dropped", records, { timestamp: calls });
    void logs.log("WARNING", "records were dropped", { records });
  });
  const answers: Promise<boolean>[] = [];
  for (let call = 0; call < 5_000; call++) answers.push(client.gauge("m", call, { timestamp: call }));
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(calls).toBeGreaterThan(0);
  await client.close({ timeoutMs: 1 });
  expect(await Promise.all(answers)).not.toContain(true);
  const { accepted, stored, buffered, dropped } = client.stats();
  const lost = Object.values(dropped).reduce((sum, records) => sum + records, 0);
  // Those that the listener makes after the end are refused.
  expect(accepted).toBeGreaterThan(5_000);
  expect({ stored, buffered, lost }).toEqual({ stored: 0, buffered: 0, lost: accepted });
});

test("a listener that records while the spill makes room loses and doubles nothing", async () => {
  const folder = await newFolder();
  const spill = { folder: folder.path, maxBytes: 1_200_000 };
  const client = new ChouetteClient({ port: 1, spill, bufferRecords: 1_500, aggregate: false });
  const pad = "p".repeat(1_000);
  client.on("drop", () => {
    for (let call = 0; call < 3_000; call++) void client.gauge("dropped", 1, { timestamp: call });
  });
  // Written by the spill's timer, after a second: then it makes room in the middle of a step of the buffer.
  for (let call = 0; call < 1_400; call++) void client.set("m", [pad], { timestamp: call });
  await expect.poll(() => client.stats().dropped.spill_full, { timeout: 10_000 }).toBeGreaterThan(0);
  await client.close({ timeoutMs: 1 });
  const { accepted, stored, buffered, spilled, dropped } = client.stats();
  const lost = Object.values(dropped).reduce((sum, records) => sum + records, 0);
  expect({ stored, buffered, kept: spilled + lost }).toEqual({ stored: 0, buffered: 0, kept: accepted });
  await folder.remove();
});

test("a listener that throws keeps no other from hearing", async () => {
  const client = clientWithoutBroker();
  const heard: unknown[] = [];
  client.on("error", () => {
    throw new Error("a listener's own");
  });
  client.on("error", (error) => void heard.push(error));
  client.increment("m");
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
  await client.close({ timeoutMs: 1 });
});
