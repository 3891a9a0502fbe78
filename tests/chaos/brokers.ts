/** The brokers that a run is made on, each with faulty links to it and what can befall it. */
import { queueNames, type Store } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { RedisStore } from "@chouette-iot/queue/redis";
import type { AgentSettings } from "../support/agent-process.js";
import { type FaultyLink, startFaultyLink } from "../support/faulty-link.js";
import { newFolder } from "../support/folders.js";
import { reservedPort } from "../support/ports.js";
import { ownRandom, type Random } from "../support/random.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";
import { linkFaults } from "./faults.js";

export type BrokerName = "redis" | "embedded";

export interface BrokerUnderFire {
  /** Where it is, past all faulty links. */
  readonly port: number;
  /** Between the applications and it. */
  readonly clientLink: FaultyLink;
  /** Of the agent on this broker. */
  readonly agentSettings: AgentSettings;
  /** The server; undefined where the agent is the broker. */
  readonly redis: RedisServer | undefined;
  /** From here on its links are good. */
  calm(): void;
  /** Its store, once no agent runs. */
  openStore(): Promise<Store>;
  stop(): Promise<void>;
}

/** The part of the pieces of data on the way to and from a broker that meet a fault. */
const FAULTY = 0.02;

export function startBrokerUnderFire(name: BrokerName, random: Random): Promise<BrokerUnderFire> {
  return name === "redis" ? redisUnderFire(random) : embeddedUnderFire(random);
}

async function redisUnderFire(random: Random): Promise<BrokerUnderFire> {
  const redis = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  const clientLink = await startFaultyLink(redis.port, linkFaults(ownRandom(random), FAULTY));
  const agentLink = await startFaultyLink(redis.port, linkFaults(ownRandom(random), FAULTY));
  return {
    port: redis.port,
    clientLink,
    agentSettings: { REDIS_URL: `redis://127.0.0.1:${agentLink.port}` },
    redis,
    calm: () => {
      clientLink.calm();
      agentLink.calm();
    },
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

/** Resolves when no metric waits, raw or ready: asked as a Redis client would, which the embedded broker answers as well. */
export async function untilNothingWaits(port: number, deadlineMs: number): Promise<void> {
  const { rawMetrics, readyMetrics } = queueNames();
  const store = await connectedStore(port);
  const isEmpty = async () =>
    (await store.size(rawMetrics)) + (await store.size(readyMetrics)) === 0 &&
    (await store.orphans(rawMetrics, 1)).length === 0;
  try {
    await until("nothing to wait any more", isEmpty, deadlineMs);
  } finally {
    await store.close();
  }
}

function connectedStore(port: number): Promise<RedisStore> {
  return new Promise((resolve) => {
    const store: RedisStore = new RedisStore({ port, onConnected: () => resolve(store) });
  });
}
