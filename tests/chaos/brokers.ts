/** The brokers of the chaos test, each with faulty links and its own disasters. */
import { queueNames, type Store } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { RedisStore } from "@chouette-iot/queue/redis";
import type { AgentSettings } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { type FaultyLink, startFaultyLink } from "../support/faulty-link.js";
import { newFolder } from "../support/folders.js";
import { reservedPort } from "../support/ports.js";
import { ownRandom, type Random } from "../support/random.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";
import { linkFaults } from "./faults.js";

export type BrokerName = "redis" | "embedded";

export interface BrokerUnderFire {
  /** Its own port, without faulty links. */
  readonly port: number;
  /** The link of the applications. */
  readonly clientLink: FaultyLink;
  /** Settings of an agent on this broker. */
  readonly agentSettings: AgentSettings;
  /** The server; undefined if the agent is the broker. */
  readonly redis: RedisServer | undefined;
  /** Ends the faults on the applications' link. */
  calm(): void;
  /** Opens its store, after the agents have ended. */
  openStore(): Promise<Store>;
  stop(): Promise<void>;
}

const { rawMetrics, readyMetrics } = queueNames();

/** Fraction of the pieces of data to and from a broker that meet a fault. */
const FAULTY = 0.02;
/**
 * The same for the agent's link: a flush takes many pieces, so with more faults no flush would succeed before the
 * faults end.
 */
const FAULTY_FOR_AGENT = 0.005;

/** @param truce while it lasts, the agents' links have no faults */
export function startBrokerUnderFire(
  name: BrokerName,
  random: Random,
  truce: { readonly isCalm: boolean },
): Promise<BrokerUnderFire> {
  return name === "redis" ? redisUnderFire(random, truce) : embeddedUnderFire(random);
}

async function redisUnderFire(random: Random, truce: { readonly isCalm: boolean }): Promise<BrokerUnderFire> {
  const redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  const clientLink = await startFaultyLink(redis.port, linkFaults(ownRandom(random), FAULTY));
  const agentFaults = linkFaults(ownRandom(random), FAULTY_FOR_AGENT);
  const agentLink = await startFaultyLink(redis.port, (direction) =>
    truce.isCalm ? undefined : agentFaults(direction),
  );
  return {
    port: redis.port,
    clientLink,
    agentSettings: { REDIS_URL: `redis://127.0.0.1:${agentLink.port}` },
    redis,
    calm: () => clientLink.calm(),
    openStore: () => connectedStore(redis.port),
    stop: async () => {
      await clientLink.stop();
      await agentLink.stop();
      await redis.stop();
    },
  };
}

async function embeddedUnderFire(random: Random): Promise<BrokerUnderFire> {
  const port = await reservedPort();
  const folder = await newFolder();
  const clientLink = await startFaultyLink(port, linkFaults(ownRandom(random), FAULTY));
  return {
    port,
    clientLink,
    agentSettings: {
      CHOUETTE_STORAGE_TYPE: "embedded",
      CHOUETTE_LISTEN: `127.0.0.1:${port}`,
      CHOUETTE_DATA_DIR: folder.path,
    },
    redis: undefined,
    calm: () => clientLink.calm(),
    openStore: async () => (await openEmbeddedStore({ folder: folder.path })).store,
    stop: async () => {
      await clientLink.stop();
      await folder.remove();
    },
  };
}

/**
 * Resolves when no raw or ready metric is pending. Asks with Redis commands, which the embedded broker answers as well.
 *
 * @param patienceMs how long their number may stay the same: a release removes a bounded number of refused records, so
 * many of them take many releases
 */
export async function untilNothingWaits(port: number, patienceMs: number): Promise<void> {
  const store = await connectedStore(port);
  const countWaiting = async () => {
    const waiting = (await store.size(rawMetrics)) + (await store.size(readyMetrics));
    return waiting + (await store.orphans(rawMetrics, 1)).length;
  };
  await untilGone(countWaiting, patienceMs).finally(() => store.close());
}

/** Resolves once everything that is ready now has been sent: then no record is left whose answer was lost before. */
export async function untilAllIsSent(port: number, patienceMs: number): Promise<void> {
  // With a command that the embedded broker knows as well: the Redis engine reads by scripts.
  const broker = await lookInto(`redis://127.0.0.1:${port}`);
  let waiting: ReadonlySet<string> | undefined;
  const countWaiting = async () => {
    const ids = (await broker.command("ZRANGE", `${readyMetrics}.keys`, "0", "-1")) as readonly string[];
    waiting = new Set(ids.filter((id) => waiting?.has(id) ?? true));
    return waiting.size;
  };
  await untilGone(countWaiting, patienceMs).finally(() => broker.close());
}

async function untilGone(countWaiting: () => Promise<number>, patienceMs: number): Promise<void> {
  for (let waiting = Number.POSITIVE_INFINITY; waiting > 0; ) {
    const before = waiting;
    const fewer = async () => {
      const count = await countWaiting();
      return count < before ? { count } : undefined;
    };
    waiting = (await until(`fewer than ${before} metrics to wait`, fewer, patienceMs)).count;
  }
}

function connectedStore(port: number): Promise<RedisStore> {
  return new Promise((resolve) => {
    const store: RedisStore = new RedisStore({ port, onConnected: () => resolve(store) });
  });
}
