/**
 * The ledger compared with a real client: at any time, accepted equals the records confirmed to the client, and each of
 * them is done, pending, or dropped with a reason; on either broker, across a kill and a restart.
 */
import { ChouetteClient } from "chouette-iot-client";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { type Ledger, total } from "../../packages/agent/src/status/ledger.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { type AgentSettings, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { reservedPort } from "../support/ports.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

interface Broker {
  readonly port: number;
  readonly settings: AgentSettings;
}

/** Records by the queue that they were stored in. */
interface Stored {
  readonly raw: number;
  readonly logs: number;
}

const ROUNDS = 100;
const cleanUps = cleanUpsAfterEach();
let intake: Intake;
let http: number;

beforeEach(async () => {
  http = await reservedPort();
  intake = await startIntake();
  cleanUps.push(() => intake.close());
});
async function redisBroker(): Promise<Broker> {
  const redis = await startRedis();
  cleanUps.push(redis.stop);
  return { port: redis.port, settings: { REDIS_URL: redis.url } };
}

async function embeddedBroker(): Promise<Broker> {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const port = await reservedPort();
  return { port, settings: { CHOUETTE_LISTEN: `127.0.0.1:${port}`, CHOUETTE_DATA_DIR: folder.path } };
}

async function startAgent({ settings }: Broker) {
  const agent = await startAgentProcess({
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: `${intake.url}/api`,
    CHOUETTE_HTTP: `${http}`,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    ...settings,
  });
  cleanUps.push(() => agent.end());
  return agent;
}

async function ledgers() {
  const status = (await (await fetch(`http://127.0.0.1:${http}/status`)).json()) as Status;
  const of = (name: string): Ledger => {
    const found = status.queues?.find((queue) => queue.name === `chouette:${name}`);
    if (found === undefined) throw new Error(`no ${name} in ${JSON.stringify(status)}`);
    return found.ledger;
  };
  return { raw: of("metrics:raw"), ready: of("metrics:wrapped"), logs: of("logs:wrapped") };
}

/** Reads the ledger repeatedly until nothing is pending. @returns the last reading, and those with wrong sums */
async function watch(stored: Stored) {
  const wrong: unknown[] = [];
  const last = await until("nothing to wait any more", async () => {
    const look = await ledgers();
    const { raw, ready, logs } = look;
    if (raw.accepted !== stored.raw || logs.accepted !== stored.logs) wrong.push(look);
    for (const ledger of [raw, ready, logs]) {
      const sum = total(ledger.done) + ledger.pending + total(ledger.dropped);
      if (ledger.missing !== 0 || ledger.accepted !== sum) wrong.push(look);
    }
    return raw.pending + ready.pending + logs.pending === 0 && ready.accepted > 0 ? look : undefined;
  });
  return { last, wrong };
}

describe("accepted is what clients stored, and all of it is accounted for", () => {
  it.each([
    ["on Redis", redisBroker],
    ["on the embedded broker", embeddedBroker],
  ])("%s", { timeout: 60_000 }, async (_, startBroker) => {
    const broker = await startBroker();
    const killed = await startAgent(broker);
    const client = new ChouetteClient({ port: broker.port, aggregate: false });
    const sink = client.logSink({ service: "a-service" });
    const byHand = await lookInto(`redis://127.0.0.1:${broker.port}`);
    cleanUps.push(() => client.close({ timeoutMs: 1 }), byHand.close);
    const record = (round: number) => {
      client.increment("jobs.done", 1, { tags: { zone: `z${round % 3}` } });
      client.gauge("temperature", round);
      client.histogram("duration", round);
      client.set("visitors", [`v${round}`]);
      sink.info(`round ${round}`);
    };
    for (let round = 0; round < ROUNDS; round++) record(round);
    expect(await client.flush()).toBe(true);
    await byHand.put("no JSON");
    await byHand.command("ZADD", "chouette:metrics:raw.keys", `${Date.now() / 1000}`, "an-id-alone");
    const first = await watch({ raw: 4 * ROUNDS + 2, logs: ROUNDS });
    expect(first.wrong).toEqual([]);
    expect(first.last.raw).toMatchObject({ done: { aggregated: 4 * ROUNDS }, dropped: { rejected: 2 } });

    for (let round = 0; round < ROUNDS; round++) record(round);
    expect(await client.flush()).toBe(true);
    await killed.end("SIGKILL");
    // Kept by the server, or by the client for an agent that is the broker.
    for (let round = 0; round < ROUNDS; round++) record(round);
    await startAgent(broker);
    await until("all to be stored", () => client.flush());
    expect(client.stats()).toMatchObject({ stored: 15 * ROUNDS, buffered: 0 });
    const second = await watch({ raw: 12 * ROUNDS + 2, logs: 3 * ROUNDS });
    expect(second.wrong).toEqual([]);
    expect(second.last.raw).toMatchObject({ done: { aggregated: 12 * ROUNDS }, dropped: { rejected: 2 } });
    expect(second.last.logs.done).toEqual({ delivered: 3 * ROUNDS });
  });
});
