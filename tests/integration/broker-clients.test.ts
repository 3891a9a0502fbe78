/** The embedded broker with the clients that talk to it: redis-cli, Node's and Python's libraries. */
import { readFileSync } from "node:fs";
import { RedisStore } from "@chouette-iot/queue/redis";
import { createClient } from "@redis/client";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../support/broker.js";
import { outputOf, type PythonRecord, storeByPython } from "../support/python-redis.js";
import { request } from "../support/raw-redis.js";
import { until } from "../support/until.js";

const QUEUE = "chouette:metrics:raw";
const KEYS = `${QUEUE}.keys`;
const VALUES = `${QUEUE}.values`;
const PASSWORD = "correct horse battery";

let open: TestBroker;
let locked: TestBroker;

beforeEach(async () => {
  open = await startTestBroker();
  locked = await startTestBroker({ password: PASSWORD });
});

afterEach(async () => {
  await open.stop();
  await locked.stop();
});

async function refusedOnly(broker: TestBroker, count: number): Promise<void> {
  await until("all connections to be gone", () => broker.counters.connections === 0);
  expect(broker.counters.refusedCommands).toBe(count);
}

describe("redis-cli", () => {
  it("ends with --pipe, which asks for bytes that are no text in the end", async () => {
    const protocol = Array.from({ length: 1_000 }, (_, index) =>
      [request("ZADD", KEYS, `${index}`, `id-${index}`), request("HSET", VALUES, `id-${index}`, "{}")].join(
        "",
      ),
    );
    for (const broker of [open, locked]) {
      const login = broker === locked ? ["-a", PASSWORD, "--no-auth-warning"] : [];
      // The cause is random, so it runs several times.
      for (let round = 0; round < 5; round++) {
        const output = await outputOf(
          "redis-cli",
          ["-p", `${broker.port}`, ...login, "--pipe"],
          protocol.join(""),
        );
        expect(output).toMatch(/errors: 0, replies: 2000/);
      }
      expect(await broker.store.size(QUEUE)).toBe(1_000);
    }
  }, 30_000);

  const commands = [
    "MULTI",
    `ZADD ${KEYS} 1.5 a 2 b`,
    `HSET ${VALUES} a '{"x": "é y"}' b {}`,
    "EXEC",
    `ZRANGE ${KEYS} 0 -1 WITHSCORES`,
    `HMGET ${VALUES} a b`,
  ].join("\n");
  const shown = ["OK", "QUEUED", "QUEUED", "2", "2", "a", "1.5", "b", "2", '{"x": "é y"}', "{}", ""].join(
    "\n",
  );

  it.each([[[]], [["-3"]]])("stores and looks: %j", async (options) => {
    const args = ["-p", `${open.port}`, "--raw", ...options];
    expect((await outputOf("redis-cli", args, commands)).replace(/\n+/g, "\n")).toBe(shown);
    await refusedOnly(open, 0);
  });

  it.each([[[]], [["-3"]], [["--user", "default"]]])("gives the password: %j", async (options) => {
    const args = ["-p", `${locked.port}`, "--no-auth-warning", "-a", PASSWORD, ...options, "PING"];
    expect(await outputOf("redis-cli", args, "")).toBe("PONG\n");
    await refusedOnly(locked, 0);
  });
});

describe("@redis/client", () => {
  it.each([2, 3] as const)("stores and looks in RESP%d", async (RESP) => {
    const client = await createClient({
      url: `redis://default:${encodeURIComponent(PASSWORD)}@127.0.0.1:${locked.port}/0`,
      RESP,
      name: "an-application",
    }).connect();
    const batches = Array.from({ length: 20 }, (_, number) =>
      client
        .multi()
        .zAdd(KEYS, { score: number, value: `id-${number}` })
        .hSet(VALUES, `id-${number}`, `{"n":${number}}`)
        .set(`chouette:client:${RESP}`, `${number}`, { EX: 60 })
        .exec(),
    );
    expect(await Promise.all(batches)).toEqual(batches.map(() => [1, 1, "OK"]));
    expect(await client.zRangeWithScores(KEYS, -1, -1)).toEqual([{ score: 19, value: "id-19" }]);
    expect(await client.hmGet(VALUES, ["id-3", "nosuch"])).toEqual(['{"n":3}', null]);
    expect(await client.get(`chouette:client:${RESP}`)).toBe("19");
    expect(await client.clientGetName()).toBe("an-application");
    await expect(client.multi().zAdd(KEYS, { score: 1, value: "" }).ping().exec()).rejects.toThrow();
    expect(await client.ping()).toBe("PONG");
    await client.close();
    // The empty id, the EXEC that had to refuse its transaction, and in RESP3 the library's CLIENT
    // MAINT_NOTIFICATIONS, which Redis itself refuses.
    await refusedOnly(locked, RESP === 3 ? 3 : 2);
  });

  it("is refused with a wrong password", async () => {
    const client = createClient({
      url: `redis://:wrong@127.0.0.1:${locked.port}`,
      socket: { reconnectStrategy: false },
    });
    client.on("error", () => {});
    await expect(client.connect()).rejects.toThrow(/WRONGPASS/);
    expect(locked.counters.wrongPasswords).toBe(1);
  });

  it("appends as the queue's Redis engine", async () => {
    const records = Array.from({ length: 500 }, (_, n) => ({ score: n, id: `${n}`, value: `{"n":${n}}` }));
    const store = new RedisStore({ host: "127.0.0.1", port: open.port });
    await until("the records to be stored", () => store.append(QUEUE, records).then(() => true));
    await store.close();
    expect(await open.store.read(QUEUE, { limit: 1_000 })).toEqual(records);
  });
});

describe("ioredis", () => {
  it("stores and looks", async () => {
    const client = new Redis({ port: locked.port, password: PASSWORD, connectionName: "an-application" });
    const answers = await client.multi().zadd(KEYS, 1.5, "a").hset(VALUES, "a", "{}").exec();
    expect(answers).toEqual([
      [null, 1],
      [null, 1],
    ]);
    expect(await client.zrange(KEYS, "0", "-1", "WITHSCORES")).toEqual(["a", "1.5"]);
    expect(await client.hmget(VALUES, "a", "b")).toEqual(["{}", null]);
    await client.quit();
    await refusedOnly(locked, 0);
  });
});

describe("Python's redis, as the original client uses it", () => {
  const vectors: readonly { queue: string; stored: readonly { score: number; json: string }[] }[] =
    JSON.parse(readFileSync(new URL("../fixtures/client_records.json", import.meta.url), "utf8"));
  const records: readonly PythonRecord[] = vectors.flatMap(({ queue, stored }) =>
    stored.map((record) => ({ queue, ...record })),
  );

  function inOrder(records: readonly { readonly score: number; readonly json: string | undefined }[]) {
    const lines = records.map(({ score, json }) => `${score} ${json}`);
    return lines.sort();
  }

  it.each(["pipeline", "batch", "single"] as const)("stores records: %s", async (mode) => {
    const counts = await storeByPython(open.port, mode, records);
    for (const [queue, [keys, values]] of Object.entries(counts)) {
      const expected = records.filter((record) => record.queue === queue);
      const stored = await open.store.read(queue, { limit: 1_000 });
      expect(inOrder(stored.map(({ score, value }) => ({ score, json: value })))).toEqual(inOrder(expected));
      expect([keys, values]).toEqual([expected.length, expected.length]);
      expect(await open.store.orphans(queue, 1)).toEqual([]);
    }
    expect(records.length).toBeGreaterThan(10);
    await refusedOnly(open, 0);
  });
});
