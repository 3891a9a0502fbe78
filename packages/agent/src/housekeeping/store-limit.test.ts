import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { queueNames, type Store, withStoreErrors } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { describe, expect, it } from "vitest";
import { systemClock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { Outage } from "../runtime/outage.js";
import { defaultStoreLimit, runStoreLimit } from "./store-limit.js";

const execute = promisify(execFile);
const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing } as unknown as Log;

/** The outages that are on after a check on this store, which holds more than it may. */
async function outagesOf(store: Store): Promise<readonly string[]> {
  const ending = new AbortController();
  const checks = [async () => {}, async () => ending.abort()];
  const clock = { ...systemClock, sleep: async () => checks.shift()?.() };
  const outages = {
    store: new Outage("store", clock, log),
    own: new Outage("store limit", clock, log, "failing"),
  };
  const full = new Outage("embedded store", clock, log, "full");
  await runStoreLimit(
    {
      store,
      queues: queueNames(),
      clock,
      bytes: () => 1_000,
      maxBytes: 10,
      full,
      outages,
      unlessMoving: (step) => step(),
    },
    ending.signal,
  );
  return [outages.store, outages.own, full]
    .filter(({ isOn }) => isOn)
    .map((outage) => outage.report().component);
}

describe("the limit of the store's size", () => {
  it("is a tenth of the file system if no setting gives one, at most 4 GiB and at least 4 MiB", async () => {
    const mebibyte = 1024 ** 2;
    for (const folder of ["/", "/dev/shm", "/sys", tmpdir()]) {
      const { stdout } = await execute("df", ["--block-size=1", "--output=size", folder]);
      const size = Number(stdout.split("\n")[1]);
      const limit = await defaultStoreLimit(folder);
      if (size >= 40_960 * mebibyte) expect(limit).toBe(4_096 * mebibyte);
      else if (size <= 40 * mebibyte) expect(limit).toBe(4 * mebibyte);
      else expect(Math.abs(limit - size / 10)).toBeLessThan(1);
    }
  });

  it("reports the store's failures as the store's outage, and any other as its own", async () => {
    const failing = (error: Error) => {
      const store = new MemoryStore();
      store.read = async () => {
        throw error;
      };
      return withStoreErrors(store);
    };
    expect(await outagesOf(failing(new Error("disk error")))).toEqual(["store"]);
    expect(await outagesOf(failing(new TypeError("a fault")))).toEqual(["store limit"]);
    expect(await outagesOf(withStoreErrors(new MemoryStore()))).toEqual([]);
  });
});
