/**
 * A gateway accepts every record of a device once, whatever happens in between: connections are cut before and after
 * its answer, bytes arrive long after the device has reconnected, the device is killed between sending and settling.
 * Meanwhile the gateway sends and forgets accepted records, so a repeat would count twice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { queueNames, type Settlement, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { RedisStore } from "@chouette-iot/queue/redis";
import { parseAddress } from "@chouette-iot/queue/resp/address";
import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { checkGateway } from "../../packages/agent/src/cli/doctor-gateway.js";
import { readSettings } from "../../packages/agent/src/config/config.js";
import { Dispatcher } from "../../packages/agent/src/dispatch/dispatcher.js";
import { logDecoder } from "../../packages/agent/src/dispatch/ready-decoder.js";
import { SentBytes } from "../../packages/agent/src/dispatch/sent-bytes.js";
import { openGateway } from "../../packages/agent/src/outputs/gateway.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { startTestBroker } from "../support/broker.js";
import { lookInto } from "../support/broker-records.js";
import { type LinkFault, startFaultyLink } from "../support/faulty-link.js";
import { pick, type Random, seededRandom } from "../support/random.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const { logs, rejected } = queueNames();
const RECORDS = 400;
const BATCH = 7;

const FAULTS: readonly (readonly [number, LinkFault | undefined])[] = [
  [30, undefined],
  [2, { kind: "cut" }],
  [1, { kind: "cut half way" }],
  [1, { kind: "cut and deliver", ms: 30 }],
  [2, { kind: "cut and deliver", ms: 150 }],
];

/** The store of a device whose agent can be killed: from then on nothing that it does has an effect. */
function killable(store: Store): { readonly store: Store; kill(): void } {
  let isKilled = false;
  const settle = (settlement: Settlement) =>
    isKilled ? Promise.reject(new Error("killed")) : store.settle(settlement);
  return {
    store: new Proxy(store, {
      get: (target, name) => {
        if (name === "settle") return settle;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    kill: () => {
      isKilled = true;
    },
  };
}

function startDevice(store: Store, port: number) {
  const { store: own, kill } = killable(store);
  const outputs = openGateway({
    address: parseAddress(`redis://127.0.0.1:${port}`),
    hostName: () => "device",
  });
  const dispatcher = new Dispatcher({
    ...{ store: own, queue: logs, rejectedQueue: rejected, output: outputs.logs, batchSize: BATCH },
    clock: systemClock,
    decode: logDecoder([]),
    sendPolicy: () => true,
    sentBytes: new SentBytes(own, systemClock),
    ttl: seconds(3_600),
    fresh: seconds(10),
  });
  return {
    dispatch: () => dispatcher.dispatch().catch(() => undefined),
    kill: async () => {
      kill();
      await outputs.logs.close();
    },
  };
}

/** Acts as the gateway's own agent: sends, and settles what it sent. */
async function takeAll(gateway: Store, taken: string[]): Promise<void> {
  const page = await gateway.read(logs, { limit: 50 });
  taken.push(...page.map(({ value }) => JSON.parse(value ?? "").message));
  await gateway.settle({ remove: [{ queue: logs, records: page }] });
}

async function expectEachOnce(gateway: Store, port: number, random: Random): Promise<void> {
  const link = await startFaultyLink(port, () => pick(random, FAULTS));
  const store = new MemoryStore();
  const taken: string[] = [];
  const now = Date.now() / 1000;
  let device = startDevice(store, link.port);
  for (let round = 0; round < RECORDS / 10; round++) {
    const records = Array.from({ length: 10 }, (_, index) => {
      const name = `${round}.${index}`;
      return { score: now + round, id: `id ${name}`, value: JSON.stringify({ message: name }) };
    });
    await store.append(logs, records);
    const dispatching = device.dispatch();
    if (random() < 0.4) {
      await sleep(random() * 4);
      await device.kill();
      device = startDevice(store, link.port);
    } else await dispatching;
    await takeAll(gateway, taken);
  }
  link.calm();
  await until("the device to be empty", async () => {
    await device.dispatch();
    return (await store.size(logs)) === 0;
  });
  await device.kill();
  await until("the gateway to be empty", async () => {
    await takeAll(gateway, taken);
    return (await gateway.size(logs)) === 0;
  });
  expect(link.faults()).toBeGreaterThan(5);
  await link.stop();
  expect(new Set(taken).size).toBe(RECORDS);
  expect(taken).toHaveLength(RECORDS);
}

/**
 * @param connections number of the gateway's connections
 * @param idle how many it has without a device
 */
async function expectNothingLate(
  gateway: Store,
  port: number,
  connections: () => Promise<number>,
  idle: number,
): Promise<void> {
  let isArmed = false;
  const link = await startFaultyLink(port, (direction) =>
    isArmed && direction === "to the server" ? { kind: "cut and deliver", ms: 300 } : undefined,
  );
  const store = new MemoryStore();
  const first = startDevice(store, link.port);
  await first.dispatch();
  await store.append(logs, [{ score: Date.now() / 1000, id: "id", value: '{"message":"once"}' }]);
  isArmed = true;
  expect(await first.dispatch()).toMatchObject({ delivered: 0, failure: { kind: "unavailable" } });
  await first.kill();
  const second = startDevice(store, port);
  expect(await second.dispatch()).toMatchObject({ delivered: 1 });
  const taken: string[] = [];
  await takeAll(gateway, taken);
  await second.kill();
  await until("the late bytes to be there", async () => (await connections()) === idle);
  await takeAll(gateway, taken);
  expect(taken).toEqual(["once"]);
  await link.stop();
}

describe("every record is accepted once, whatever is cut and killed", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);

  it(`by an embedded broker (seed ${seed})`, async () => {
    const broker = await startTestBroker();
    await expectEachOnce(broker.store, broker.port, seededRandom(seed));
    await expectNothingLate(broker.store, broker.port, async () => broker.counters.connections, 0);
    const check = async (login: string) => {
      const config = readSettings({ GATEWAY_URL: `redis://${login}127.0.0.1:${broker.port}` });
      return config.ok ? JSON.stringify(await checkGateway(config.config)) : "";
    };
    expect(await check("")).toMatch(/"ok","found":"gateway at 127.0.0.1:\d+ answers/);
    await broker.stop();
    const found = await check(":secret@");
    expect(found).toMatch(/"error","found":"gateway at 127.0.0.1:\d+ can't be used: .*ECONNREFUSED/);
    expect(found).not.toContain("secret");
  });

  it(`by a Redis (seed ${seed})`, async () => {
    const redis = await startRedis();
    const store = new RedisStore({ port: redis.port });
    await until("Redis to be there", () => store.size(logs).then(() => true));
    const look = await lookInto(redis.url);
    const connections = async () =>
      String(await look.command("CLIENT", "LIST"))
        .trim()
        .split("\n").length;
    const idle = await connections();
    await expectEachOnce(store, redis.port, seededRandom(seed));
    await expectNothingLate(store, redis.port, connections, idle);
    await look.close();
    await store.close();
    await redis.stop();
  });
});
