import { type RedisConnection, RedisStore } from "@chouette-iot/queue/redis";
import { newConnection, parsedAddress } from "@chouette-iot/queue/redis/connection";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";
import { expectWhole, moveBatches } from "./batches.js";
import { QUEUE } from "./records.js";
import { readAll, type Subject } from "./subject.js";
import { describeConformance } from "./suite.js";

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];
/** Cut characters, overlong forms, surrogates, and the sign that stands for what can't be read. */
const NEARLY_UTF8 = ["c3", "e282", "f09fa6", "c0af", "eda080", "efbfbd", "61ff62", "c3a4ff"].map((hex) =>
  Buffer.from(hex, "hex"),
);

let server: RedisServer;
let raw: RedisConnection;

describe("on a server that runs on", () => {
  startedWith([]);
  describeConformance("the Redis engine", {
    hasClients: true,
    sequences: 40,
    newSubject: () => newRedis(async () => {}),
  });
});

describe("on a server that is killed and started again at each reopening", () => {
  startedWith(DURABLE);
  describeConformance("the Redis engine", {
    hasClients: true,
    sequences: 15,
    newSubject: () => newRedis(killAndRestart),
  });
});

describe("ids that are not UTF-8", () => {
  startedWith([]);

  it("are read in the order of their bytes, removed and set aside like any others", async () => {
    const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes));
    const ids = fc.uniqueArray(fc.oneof(anyBytes, fc.constantFrom(...NEARLY_UTF8)), {
      minLength: 1,
      maxLength: 12,
      selector: (id) => id.toString("hex"),
    });
    await fc.assert(
      fc.asyncProperty(ids, async (ids) => {
        const { store, close } = await newRedis(async () => {});
        for (const id of ids) await storeRaw(id, "whole");
        const page = await store.read(QUEUE, { limit: 100 });
        expect(page.map(({ value }) => value)).toEqual(
          ids.toSorted(Buffer.compare).map((id) => `whole ${id.toString("hex")}`),
        );
        expect(await readAll(store, QUEUE, { limit: 1 })).toEqual(page);
        await store.settle({ remove: [{ queue: QUEUE, records: page }] });
        expect(await store.size(QUEUE)).toBe(0);
        expect(await raw.sendCommand(["HLEN", `${QUEUE}.values`])).toBe(0);

        for (const id of ids) await storeRaw(id, "stray");
        const orphans = await store.orphans(QUEUE, 100);
        expect(orphans).toHaveLength(ids.length);
        await store.settle({ removeOrphans: [{ queue: QUEUE, ids: orphans.map(({ id }) => id) }] });
        expect(await raw.sendCommand(["HLEN", `${QUEUE}.values`])).toBe(0);
        await close();
      }),
      { numRuns: 30 },
    );
  });
});

describe("after a kill -9 of the server", () => {
  startedWith(DURABLE);

  it("all that was confirmed is there, each append and each settlement whole or not at all", async () => {
    const subject = await newRedis(killAndRestart);
    const appended = new Set<number>();
    const settled = new Set<number>();
    for (let kills = 0; kills < 6; kills++) {
      const moving = moveBatches(subject.store, kills * 1_000, {
        appended: (batch) => appended.add(batch),
        settled: (batch) => settled.add(batch),
      }).catch(() => "the server is gone: what was under way is in doubt");
      await until("some batches", () => appended.has(kills * 1_000 + 5 + kills));
      await server.kill();
      await moving;
      await server.restart();
      raw = await connected();
      await subject.reopen();
      await expectWhole(subject.store, appended, settled);
    }
    await subject.close();
  });
});

async function storeRaw(id: Buffer, kind: "whole" | "stray"): Promise<void> {
  if (kind === "whole") await raw.sendCommand(["ZADD", `${QUEUE}.keys`, "1", id]);
  await raw.sendCommand(["HSET", `${QUEUE}.values`, id, `${kind} ${id.toString("hex")}`]);
}

function startedWith(settings: readonly string[]): void {
  beforeAll(async () => {
    server = await startRedis(settings);
    raw = await connected();
  });
  afterAll(async () => {
    raw.destroy();
    await server.stop();
  });
}

async function killAndRestart(): Promise<void> {
  await server.kill();
  await server.restart();
  raw = await connected();
}

async function connected(): Promise<RedisConnection> {
  const connection = newConnection(parsedAddress({ url: server.url }));
  connection.on("error", () => {});
  await connection.connect();
  return connection;
}

async function newRedis(between: () => Promise<void>): Promise<Subject> {
  await raw.sendCommand(["FLUSHALL"]);
  const open = async () => {
    const store = new RedisStore({ url: server.url });
    await until("the store's connection", async () => (await store.size("chouette:any")) >= 0);
    return store;
  };
  let store = await open();
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      await between();
      store = await open();
    },
    close: () => store.close(),
    client: {
      storeId: async (queue, { score, id }) => {
        await raw.sendCommand(["ZADD", `${queue}.keys`, `${score}`, id]);
      },
      storeValue: async (queue, id, value) => {
        await raw.sendCommand(["HSET", `${queue}.values`, id, value]);
      },
    },
  };
}
