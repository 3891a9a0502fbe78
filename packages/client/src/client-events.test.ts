import { describe, expect, test } from "vitest";
import { newFolder } from "../../../tests/support/folders.js";
import { ChouetteClient } from "./client.js";
import { ClientEvents } from "./client-events.js";
import { Counters } from "./counters.js";

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

describe("events", () => {
  function listen() {
    const counters = new Counters();
    const events = new ClientEvents(counters);
    const heard: unknown[] = [];
    events.on("connected", () => heard.push("connected"));
    events.on("disconnected", ({ message }) => heard.push(`disconnected ${message}`));
    events.on("error", ({ message }) => heard.push(`error ${message}`));
    events.on("drop", (reason, records) => heard.push(`drop ${reason} ${records}`));
    const next = async () => {
      await new Promise(setImmediate);
      return heard.splice(0);
    };
    return { counters, events, heard, next };
  }

  test("of a connection come once when it is there and once when it is lost, with the reason as an error", async () => {
    const { counters, events, heard, next } = listen();
    events.onConnected();
    events.onConnected();
    // Never in the middle of the client's work.
    expect([heard, events.connected]).toEqual([[], true]);
    expect(await next()).toEqual(["connected"]);
    events.onDisconnected(new Error("gone"));
    events.onDisconnected(new Error("gone"));
    expect([events.connected, counters.disconnections]).toEqual([false, 1]);
    expect(await next()).toEqual(["disconnected gone", "error gone"]);
    events.onConnected();
    events.onDisconnected(new Error("gone"));
    // Nothing was stored in between: it is the same outage.
    expect(await next()).toEqual(["connected", "disconnected gone"]);
  });

  test("of an error come once until something is stored, or there is another error", async () => {
    const { counters, events, next } = listen();
    for (const message of ["a", "a", "b", "b", "a"]) events.onRefused(new Error(message));
    expect(await next()).toEqual(["error a", "error b", "error a"]);
    expect(events.lastError?.message).toBe("a");
    const before = Date.now();
    events.onStored(7);
    events.onStored(0);
    expect([counters.stored, Number(events.lastStored) >= before]).toEqual([7, true]);
    events.onError(new Error("a"));
    expect(await next()).toEqual(["error a"]);
    expect(Number(events.lastError?.at)).toBeGreaterThanOrEqual(before);
  });

  test("of an error have nothing of it but its message", async () => {
    const { events } = listen();
    const errors: Error[] = [];
    events.on("error", (error) => errors.push(error));
    events.onError(Object.assign(new Error("refused"), { password: "secret" }));
    await new Promise(setImmediate);
    expect(errors.map((error) => Object.keys(error))).toEqual([[]]);
  });

  test("of drops and recoveries are counted", async () => {
    const { counters, events, next } = listen();
    events.onDropped("buffer_full", 2);
    events.onDropped("buffer_full", 3);
    events.onSpillDropped("spill_lost", 4);
    events.onRecovered(5);
    events.onRecovered(6);
    expect(counters).toMatchObject({ dropped: { buffer_full: 5, spill_lost: 4, closed: 0 }, recovered: 11 });
    expect(await next()).toEqual(["drop buffer_full 2", "drop buffer_full 3", "drop spill_lost 4"]);
  });

  test("of refused calls are an error once for each reason, and a drop for each turn, with their number", async () => {
    const { counters, events, next } = listen();
    for (let turn = 0; turn < 2; turn++) {
      events.onCallRefused("invalid_value");
      events.onCallRefused("invalid_value");
      events.onCallRefused("closed", "own words");
      const errors = turn > 0 ? [] : [expect.stringMatching(/^error .*finite number/), "error own words"];
      expect((await next()).sort()).toEqual([...["drop closed 1", "drop invalid_value 2"], ...errors]);
    }
    expect(counters.refused).toMatchObject({ invalid_value: 4, closed: 2, invalid_tags: 0 });
    expect(events.lastError?.message).toBe("own words");
  });

  test("go to a listener only as long as it listens", async () => {
    const { events } = listen();
    const heard: string[] = [];
    const hear = () => void heard.push("connected");
    events.on("connected", hear);
    events.onConnected();
    await new Promise(setImmediate);
    events.off("connected", hear);
    events.connected = false;
    events.onConnected();
    await new Promise(setImmediate);
    expect(heard).toEqual(["connected"]);
  });
});
