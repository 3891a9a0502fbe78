/** A client's limits in memory and on disk, and what it releases when it is closed. */
import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { ChouetteClient } from "chouette-iot-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newFolder } from "../support/folders.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

let folder: Awaited<ReturnType<typeof newFolder>>;
let redis: RedisServer | undefined;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(async () => {
  await redis?.stop();
  redis = undefined;
  await folder.remove();
});

async function startServer(args: readonly string[] = []): Promise<RedisServer> {
  redis = await startRedis(args);
  return redis;
}

test("memory holds at most bufferBytes of records, whatever their number", async () => {
  const bufferBytes = 1_000_000;
  const client = new ChouetteClient({ port: 1, bufferBytes, bufferRecords: 1e9, aggregate: false });
  const logs = client.logSink();
  const text = "x".repeat(2_000);
  for (let call = 0; call < 3_000; call++) logs.log("INFO", text);
  for (let call = 0; call < 300; call++) client.set("s", [text + call]);
  const { buffered, dropped } = client.stats();
  expect(buffered * 2_000).toBeLessThanOrEqual(bufferBytes);
  expect(buffered * 2_500).toBeGreaterThan(bufferBytes / 2);
  expect(buffered + dropped.buffer_full).toBe(3_300);
  await client.close({ timeoutMs: 1 });
});

test("a spill is within its bound while it drains, and every record is stored or counted as dropped", async () => {
  const { port, signal } = await startServer();
  const maxBytes = 3_000_000;
  const options = { port, spill: { folder: folder.path, maxBytes }, bufferRecords: 500, aggregate: false };
  signal("SIGSTOP");
  const client = new ChouetteClient(options);
  const pad = "y".repeat(500);
  let calls = 0;
  let largest = 0;
  const record = async () => {
    for (let call = 0; call < 1_000; call++) client.gauge("m", 1, { timestamp: calls++, tags: { pad } });
    await new Promise(setImmediate);
    const names = await readdir(folder.path);
    const sizes = await Promise.all(
      names.map((name) =>
        stat(join(folder.path, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    largest = Math.max(
      largest,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  };
  while (client.stats().dropped.spill_full === 0) await record();
  signal("SIGCONT");
  for (let round = 0; round < 20; round++) await record();
  expect(await client.flush({ timeoutMs: 60_000 })).toBe(true);
  const { accepted, stored, dropped } = client.stats();
  expect(accepted).toBe(calls);
  expect(stored + dropped.spill_full).toBe(calls);
  // One more segment is being sent.
  expect(largest).toBeLessThan(maxBytes + 1_500_000);
  expect(largest).toBeGreaterThan(maxBytes / 2);
  await client.close();
});

test("a spill folder that vanishes while nothing is in it is made again", async () => {
  const errors: Error[] = [];
  const path = join(folder.path, "spill");
  const client = new ChouetteClient({
    port: 1,
    spill: { folder: path },
    onError: (error) => void errors.push(error),
  });
  await rm(path, { recursive: true });
  client.increment("m");
  await until("the record to be spilled", () => client.stats().spilled === 1);
  expect(await readdir(path)).toHaveLength(1);
  await client.close({ timeoutMs: 1 });
  expect(errors.filter(({ message }) => message.includes("spill"))).toEqual([]);
});

test("a disk that refuses the spill is reported, and costs no call and no record that memory has room for", async () => {
  const errors: Error[] = [];
  const path = join(folder.path, "spill");
  const client = new ChouetteClient({
    port: 1,
    spill: { folder: path },
    bufferRecords: 1_000,
    aggregate: false,
    onError: (error) => void errors.push(error),
  });
  await rm(path, { recursive: true });
  await writeFile(path, "");
  const count = 3_000;
  for (let call = 0; call < count; call++) client.increment("m");
  await until("the refusal to be reported", () => errors.some(({ message }) => message.includes(path)));
  const { buffered, dropped, spilled } = client.stats();
  expect(spilled).toBe(0);
  expect(buffered).toBeGreaterThan(0);
  expect(buffered + dropped.buffer_full).toBe(count);
  await client.close({ timeoutMs: 1 });
});

test("a closed client leaves no connection behind", async () => {
  const { url, port } = await startServer();
  const admin = createClient({ url });
  await admin.connect();
  const connections = async () =>
    (await admin.sendCommand<string>(["CLIENT", "LIST"])).trim().split("\n").length;
  const client = new ChouetteClient({ port });
  expect(await client.count("m", 1)).toBe(true);
  expect(await connections()).toBe(2);
  await client.close();
  await until("its connection to end", async () => (await connections()) === 1);
  admin.destroy();
});

test("a large set is stored in parts, and no element is lost", async () => {
  const { url, port } = await startServer();
  const client = new ChouetteClient({ port });
  for (let element = 0; element < 2_500; element++) client.set("visitors", [`v${element}`]);
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  await client.close();
  const admin = createClient({ url });
  await admin.connect();
  const records = Object.values(await admin.hGetAll("chouette:metrics:raw.values")).map((text) =>
    JSON.parse(text),
  );
  admin.destroy();
  expect(new Set(records.flatMap(({ value }) => value)).size).toBe(2_500);
  expect(Math.max(...records.map(({ value }) => value.length))).toBeLessThanOrEqual(1_000);
});
