import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { until } from "../../../../tests/support/until.js";
import { type Fsync, Syncer } from "./syncer.js";

it("goes on to flush after a flush that took longer than its period", async () => {
  let writes = 0;
  let flushed = 0;
  const syncer = new Syncer(
    5,
    async () => {
      const before = writes;
      await sleep(40);
      flushed = before;
    },
    () => {},
  );
  const write = () => {
    writes += 1;
    syncer.wrote();
  };
  // While one is under way, others are asked for, and their time comes before it ends.
  for (let round = 0; round < 20; round++) {
    write();
    await sleep(3);
  }
  await until("what was written to be flushed", () => flushed === writes, 2_000);
  write();
  await until("what was written later to be flushed", () => flushed === writes, 2_000);
  await syncer.stop();
  expect(flushed).toBe(writes);
});

/** A syncer whose flushes end when the test says so. */
function controlled(policy: Fsync) {
  const flushes: { end(): void; fail(error: Error): void }[] = [];
  const errors: unknown[] = [];
  const flush = () => new Promise<void>((resolve, reject) => flushes.push({ end: resolve, fail: reject }));
  const syncer = new Syncer(policy, flush, (error) => errors.push(error));
  return { syncer, flushes, errors };
}

const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
};

/** What became of a promise so far. */
function watch(promise: Promise<void>): { state: "waits" | "done" | "failed" } {
  const seen: { state: "waits" | "done" | "failed" } = { state: "waits" };
  promise.then(
    () => Object.assign(seen, { state: "done" }),
    () => Object.assign(seen, { state: "failed" }),
  );
  return seen;
}

it("a write is on disk once a flush has ended that began after it, which writers share", async () => {
  const { syncer, flushes, errors } = controlled("always");
  await syncer.durable();
  syncer.wrote();
  await turns();
  expect([flushes.length, syncer.isBusy, syncer.confirmsLater]).toEqual([0, false, true]);
  const first = watch(syncer.durable());
  expect([flushes.length, syncer.isBusy]).toEqual([1, true]);
  syncer.wrote();
  const second = watch(syncer.durable());
  syncer.wrote();
  const third = watch(syncer.durable());
  await turns();
  expect([first.state, flushes.length]).toEqual(["waits", 1]);
  flushes[0]?.end();
  await turns();
  expect([first.state, second.state, third.state, flushes.length]).toEqual(["done", "waits", "waits", 2]);
  flushes[1]?.end();
  await turns();
  expect([second.state, third.state, flushes.length, syncer.isBusy]).toEqual(["done", "done", 2, false]);
  await syncer.durable();
  expect([flushes.length, errors]).toEqual([2, []]);
});

it("a failed flush is reported, and fails those that wait; the next one covers their writes as well", async () => {
  const { syncer, flushes, errors } = controlled("always");
  syncer.wrote();
  const first = watch(syncer.durable());
  syncer.wrote();
  const second = watch(syncer.durable());
  const failure = new Error("EIO");
  flushes[0]?.fail(failure);
  await turns();
  expect([first.state, second.state, errors]).toEqual(["failed", "failed", [failure]]);
  expect(flushes.length).toBe(1);
  const again = watch(syncer.durable());
  expect(flushes.length).toBe(2);
  flushes[1]?.end();
  await turns();
  expect(again.state).toBe("done");
});

it("flushes once a period while there are writes, also after a failure, and not without any", async () => {
  const { syncer, flushes } = controlled(15);
  expect(syncer.confirmsLater).toBe(false);
  syncer.wrote();
  syncer.wrote();
  expect(flushes.length).toBe(0);
  await until("the first flush", () => flushes.length === 1);
  flushes[0]?.fail(new Error("EIO"));
  await until("another try", () => flushes.length === 2);
  flushes[1]?.end();
  await sleep(60);
  expect(flushes.length).toBe(2);
  // One that is asked for takes the place of the next.
  syncer.wrote();
  const asked = syncer.durable();
  flushes[2]?.end();
  await asked;
  await sleep(60);
  expect(flushes.length).toBe(3);
  syncer.wrote();
  await until("one for a write after that", () => flushes.length === 4);
  flushes[3]?.end();
});

it("stops once the running flush has ended, and flushes no more", async () => {
  const { syncer, flushes } = controlled(10);
  syncer.wrote();
  await until("a flush", () => flushes.length === 1);
  syncer.wrote();
  const stopped = watch(syncer.stop());
  await sleep(30);
  expect([stopped.state, flushes.length]).toEqual(["waits", 1]);
  flushes[0]?.end();
  await turns();
  expect(stopped.state).toBe("done");
  await sleep(40);
  expect(flushes.length).toBe(1);
  syncer.wrote();
  await syncer.stop();
  await sleep(40);
  expect(flushes.length).toBe(1);
});
