/** The embedded broker killed under load: acknowledged batches are there, and each completely or not at all. */
import { fileURLToPath } from "node:url";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../support/folders.js";
import { connectRaw, type RawRedis, request } from "../support/raw-redis.js";
import { run } from "../support/running.js";
import { until } from "../support/until.js";

const PROGRAM = fileURLToPath(new URL("../support/broker-process.mjs", import.meta.url));
const QUEUE = "chouette:metrics:raw";
const CLIENTS = 4;
const BATCH = 50;
const IN_FLIGHT = 8;
/** Batches that are acknowledged before the kill: a different moment in each round. */
const ROUNDS = [1, 40, 90, 150, 230] as const;

let folder: Awaited<ReturnType<typeof newFolder>>;

beforeEach(async () => {
  folder = await newFolder();
});

afterEach(() => folder.remove());

function marker(client: string): string {
  return `chouette:client:${client}`;
}

/** A batch of records, with its number as the client's marker. */
function batch(client: string, number: number): string {
  const ids = Array.from({ length: BATCH }, (_, index) => `${client}/${number}/${index}`);
  return [
    request("MULTI"),
    request("ZADD", `${QUEUE}.keys`, ...ids.flatMap((id, index) => [`${number}.${index}`, id])),
    request("HSET", `${QUEUE}.values`, ...ids.flatMap((id) => [id, `{"id":"${id}"}`])),
    request("SET", marker(client), `${number}`, "EX", "3600"),
    request("EXEC"),
  ].join("");
}

function acknowledged(connection: RawRedis): number {
  return connection.received().split(`*3\r\n:${BATCH}\r\n:${BATCH}\r\n+OK\r\n`).length - 1;
}

/** Keeps some batches in flight until the connection breaks. */
function storm(connection: RawRedis, client: string): void {
  let sent = 0;
  const send = () => {
    while (sent < acknowledged(connection) + IN_FLIGHT) connection.send(batch(client, ++sent));
  };
  connection.socket.on("data", send);
  send();
}

/** The number of stored records of each client's batches, and the batch in its marker. */
async function stored(directory: string, clients: readonly string[]) {
  const { store } = await openEmbeddedStore({ folder: directory });
  const records = await store.read(QUEUE, { limit: 1_000_000 });
  const state = await store.state(clients.map(marker));
  await store.close();
  return clients.map((client, index) => {
    const counts = new Map<number, number>();
    for (const { id, value } of records) {
      const [owner, number] = id.split("/");
      expect(value).toBe(`{"id":"${id}"}`);
      if (owner === client) counts.set(Number(number), (counts.get(Number(number)) ?? 0) + 1);
    }
    return { client, counts, marker: Number(state[index]?.split(" ")[1] ?? 0) };
  });
}

it("keeps every acknowledged batch, and each batch whole or not at all, when it is killed", async () => {
  const clients: string[] = [];
  const acknowledgedBatches = new Map<string, number>();
  for (const [round, enough] of ROUNDS.entries()) {
    const broker = run(process.execPath, [PROGRAM, folder.path]);
    await broker.wrote(/listening on \d+/);
    const port = Number(/\d+/.exec(broker.output())?.[0]);
    const connections = await Promise.all(Array.from({ length: CLIENTS }, () => connectRaw(port)));
    for (const [index, connection] of connections.entries()) storm(connection, `${round}-${index}`);
    const sum = () => connections.reduce((sum, connection) => sum + acknowledged(connection), 0);
    await until(`${enough} batches`, () => sum() >= enough);
    await broker.end("SIGKILL");
    for (const [index, connection] of connections.entries()) {
      await connection.closed;
      const client = `${round}-${index}`;
      clients.push(client);
      acknowledgedBatches.set(client, acknowledged(connection));
    }
  }
  for (const { client, counts, marker } of await stored(folder.path, clients)) {
    // Batches are stored in order, so there are no gaps, and the marker has the last.
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from(counts, (_, index) => index + 1));
    expect([...counts.values()].every((count) => count === BATCH)).toBe(true);
    expect(counts.size).toBeGreaterThanOrEqual(acknowledgedBatches.get(client) ?? Infinity);
    expect(marker).toBe(counts.size);
  }
});
