/**
 * Spill files that vanish or can't be read: they cost only their own records, which are counted, and block nothing
 * else.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ChouetteClient } from "chouette-iot-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newFolder } from "../support/folders.js";
import { redisForTests } from "../support/redis-for-tests.js";
import { until } from "../support/until.js";

const server = redisForTests();
let folder: Awaited<ReturnType<typeof newFolder>>;
let client: ChouetteClient;
let errors: string[];

beforeEach(async () => {
  folder = await newFolder();
  errors = [];
});
afterEach(async () => {
  server.redis.signal("SIGCONT");
  await client.close({ timeoutMs: 1 });
  await folder.remove();
});

/** A client whose 3,000 records are in the spill, as the broker hangs. */
async function spilled(path = folder.path): Promise<void> {
  server.redis.signal("SIGSTOP");
  client = newClient(path);
  count(3_000);
  await until("the records to be spilled", () => client.stats().spilled === 3_000);
}

function newClient(path = folder.path): ChouetteClient {
  const onError = ({ message }: Error) => void errors.push(message);
  return new ChouetteClient({ url: server.redis.url, spill: { folder: path }, aggregate: false, onError });
}

function count(records: number): void {
  for (let call = 0; call < records; call++) client.count("m", 1, { timestamp: call });
}

function expectConserved(): void {
  const { accepted, recovered, stored, buffered, spilled: waiting, dropped } = client.stats();
  const lost = Object.values(dropped).reduce((sum, records) => sum + records);
  expect(stored + buffered + waiting + lost).toBe(accepted + recovered);
}

const spillErrors = () => errors.filter((message) => message.includes("spill file"));

test("a folder that is removed while records are in it: they are counted and reported, and it is made again", async () => {
  const path = join(folder.path, "spill");
  await spilled(path);
  await rm(path, { recursive: true });
  count(500);
  await until("the later records to be spilled", () => client.stats().spilled === 500);
  expect(client.stats().dropped.spill_lost).toBe(3_000);
  // Listeners are called in a later turn.
  await until("the report", () => spillErrors().length > 0);
  expect(spillErrors()).toEqual([expect.stringMatching(/has vanished; 3000 records are lost/)]);
  expect(await readdir(path)).toHaveLength(1);
  server.redis.signal("SIGCONT");
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(client.stats().stored).toBe(500);
  expectConserved();
});

test("a file that has vanished when it is to be sent keeps neither flush nor live records waiting", async () => {
  await spilled();
  for (const name of await readdir(folder.path)) await rm(join(folder.path, name));
  server.redis.signal("SIGCONT");
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(client.stats()).toMatchObject({ spilled: 0, dropped: { spill_lost: 3_000 } });
  expect(await client.count("m", 1)).toBe(true);
  expectConserved();
});

test("a file that can't be read is moved away, reported once, and troubles no later process", async () => {
  await spilled();
  const [name = ""] = await readdir(folder.path);
  await rm(join(folder.path, name));
  await mkdir(join(folder.path, name));
  server.redis.signal("SIGCONT");
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(await client.count("m", 1)).toBe(true);
  expect(client.stats().dropped.spill_lost).toBe(3_000);
  expect(spillErrors()).toEqual([expect.stringMatching(/can't be read: EISDIR.*; it was moved to/)]);
  expect(await readdir(folder.path)).toEqual([`${name}.unreadable`]);
  expectConserved();
  await client.close();
  client = newClient();
  expect(await client.count("m", 1)).toBe(true);
  expect(spillErrors()).toHaveLength(1);
});

test("what lies there and is no file of ours is left alone, and the rest is sent", async () => {
  await mkdir(join(folder.path, "abc.1-1.spill"));
  client = newClient();
  expect(await client.count("m", 1)).toBe(true);
  expect(await client.flush()).toBe(true);
  expect(await readdir(folder.path)).toEqual(["abc.1-1.spill"]);
});
