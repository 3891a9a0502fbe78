/**
 * A file system of 2.5 MB that fills up while the link is down: records are refused, confirmed ones are flushed within
 * the remaining room, and once the link recovers everything drains without help.
 */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { statfsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { queueNames } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { RedisStore } from "@chouette-iot/queue/redis";
import { expect, it } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { until } from "../support/until.js";
import { checkLedger } from "./ledger.js";

const queues = queueNames();
const WAITING = [queues.rawMetrics, queues.readyMetrics, queues.rejected];
const BATCH = 200;
/** How long the disk stays full, while windows close. */
const FULL_MS = 1_000;
const MIN_REFUSED = 10;
/** Each record has a different context, so a window's ready metrics take as much room as its raw records. */
let sensors = 0;

const cleanUps = cleanUpsAfterEach();
/** Undefined if this user may not mount. */
async function smallFileSystem(): Promise<string | undefined> {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2500k", "tmpfs", folder.path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  cleanUps.push(() => execFileSync("umount", ["--lazy", folder.path]));
  return folder.path;
}

it("drains by itself, each record once", { timeout: 120_000 }, async (context) => {
  const folder = await smallFileSystem();
  if (folder === undefined) return context.skip();
  let isDown = true;
  const intake = await startIntake({
    keepPoints: 1_000_000,
    rules: ({ method }) => (isDown && method === "POST" ? { closeAfterBytes: 0 } : undefined),
  });
  cleanUps.push(() => intake.close());
  const agent = await startAgentProcess({
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    CHOUETTE_STORAGE_TYPE: "embedded",
    CHOUETTE_LISTEN: "127.0.0.1:0",
    CHOUETTE_DATA_DIR: folder,
    STORE_MAX_BYTES: "1000000000",
    RELEASE_INTERVAL: "1",
  });
  cleanUps.push(() => agent.end("SIGKILL"));
  const client = new RedisStore({ port: await brokerPort(agent) });
  cleanUps.push(() => client.close());
  await until("the broker", async () => (await client.size(queues.rawMetrics).catch(() => -1)) >= 0);

  const { stored, refused } = await fill(client);
  expect(stored).toBeGreaterThan(1_000);
  expect(refused).toBeGreaterThan(MIN_REFUSED);
  const { bavail, blocks } = statfsSync(folder);
  expect(bavail / blocks).toBeLessThan(0.15);

  isDown = false;
  const waiting = async () =>
    (await Promise.all(WAITING.map((queue) => client.size(queue)))).reduce((sum, size) => sum + size, 0);
  await until("the queues to drain", async () => (await waiting()) === 0, 60_000);
  expect(intake.points().reduce((sum, { value }) => sum + value, 0)).toBe(stored);
  const again = () =>
    client.append(queues.rawMetrics, [newRecord()]).then(
      () => true,
      () => false,
    );
  await until("records to be taken again", again, 20_000);
  await client.close();
  await agent.end();
  const { store, losses } = await openEmbeddedStore({ folder });
  expect(losses).toBeUndefined();
  expect(await checkLedger(store, stored + 1)).toEqual([]);
  await store.close();
});

/** Stores counts of 1 until the disk has been full for a while. */
async function fill(store: RedisStore): Promise<{ readonly stored: number; readonly refused: number }> {
  let [stored, refused] = [0, 0];
  let fullSince: number | undefined;
  while (refused <= MIN_REFUSED || fullSince === undefined || performance.now() - fullSince < FULL_MS) {
    const error = await store
      .append(queues.rawMetrics, Array.from({ length: BATCH }, newRecord))
      .catch((error: Error) => error);
    if (error === undefined) {
      stored += BATCH;
      continue;
    }
    expect(error.message).toContain("is full");
    fullSince ??= performance.now();
    refused += 1;
    await sleep(20);
  }
  return { stored, refused };
}

/** In a closed window, so that the flush works while the disk fills up. */
function newRecord() {
  const timestamp = Date.now() / 1_000 - 60;
  const id = randomUUID();
  const tags = { sensor: `${sensors++}` };
  const value = { metric: "work.done", type: "count", value: 1, timestamp, tags };
  return { score: timestamp, id, value: JSON.stringify(value) };
}
