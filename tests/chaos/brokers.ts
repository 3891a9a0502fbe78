/** The brokers that a run is made on, each with faulty links to it and what can befall it. */
import { pages, queueNames, type Store } from "@chouette-iot/queue";
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
  /** The server; undefined if the agent is the broker. */
  readonly redis: RedisServer | undefined;
  /** From here on the applications' link is good. */
  calm(): void;
  /** Its store, once no agent runs. */
  openStore(): Promise<Store>;
  stop(): Promise<void>;
}

const { rawMetrics, readyMetrics } = queueNames();

const PAGE = 1_000;

/** The part of the pieces of data on the way to and from a broker that meet a fault. */
const FAULTY = 0.02;

/** @param truce while it holds, the agents' links are good */
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
  const agentFaults = linkFaults(ownRandom(random), FAULTY);
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

/** Resolves when no metric waits, raw or ready: asked as a Redis client would, which the embedded broker answers as well. */
export async function untilNothingWaits(port: number, deadlineMs: number): Promise<void> {
  await untilStore(port, "nothing to wait any more", deadlineMs, async (store) => {
    const waiting = (await store.size(rawMetrics)) + (await store.size(readyMetrics));
    return waiting === 0 && (await store.orphans(rawMetrics, 1)).length === 0;
  });
}

/** Resolves once all that is ready now has left: then nothing is left whose answer was lost before. */
export async function untilAllIsSent(port: number, deadlineMs: number): Promise<void> {
  let waiting: ReadonlySet<string> | undefined;
  await untilStore(port, "all that is ready to be sent", deadlineMs, async (store) => {
    const left = new Set<string>();
    for await (const page of pages(store, readyMetrics, { limit: PAGE })) {
      for (const { id } of page) if (waiting === undefined || waiting.has(id)) left.add(id);
    }
    waiting = left;
    return left.size === 0;
  });
}

async function untilStore(
  port: number,
  what: string,
  deadlineMs: number,
  isSo: (store: Store) => Promise<boolean>,
): Promise<void> {
  const store = await connectedStore(port);
  try {
    await until(what, () => isSo(store), deadlineMs);
  } catch (error) {
    const sizes = [await store.size(rawMetrics), await store.size(readyMetrics)];
    throw new Error(`${what} took too long: ${sizes.join(" raw and ")} ready metrics wait`, { cause: error });
  } finally {
    await store.close();
  }
}

function connectedStore(port: number): Promise<RedisStore> {
  return new Promise((resolve) => {
    const store: RedisStore = new RedisStore({ port, onConnected: () => resolve(store) });
  });
}
