/** The agent's store: a Redis server, or the agent's own with a broker before it. */
import type { BrokerStore, Store } from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import { milliseconds } from "@chouette-iot/record";
import { shownAddress } from "./address.js";
import type { Clock } from "./clock.js";
import type { Config } from "./config/config.js";
import { redisAddress } from "./config/redis-address.js";
import { defaultStoreLimit } from "./housekeeping/store-limit.js";
import { type RunningBroker, startBroker } from "./ingest/broker/listener.js";
import type { Log } from "./log.js";

const FIRST_CONNECTION = milliseconds(2_000);

export interface OpenStore {
  readonly store: Store;
  readonly broker?: RunningBroker;
  /** The store, where it is the agent's own. */
  readonly embedded?: BrokerStore;
  /** In bytes, of the agent's own store if STORE_MAX_BYTES isn't set. */
  readonly defaultLimit?: number;
  /** The server, if there is one. */
  readonly server?: RedisStore;
  /** Resolves where its file turns out to be damaged while it is open. */
  readonly damaged: Promise<Error>;
}

/** Rejects where the agent's own can't be: its port is taken, or its folder can't be written. */
export async function openStore(config: Config, log: Log, clock: Clock): Promise<OpenStore> {
  const { dataDirectory, commitInterval, listen, password, protectedMode, maxConnections } = config.settings;
  if (config.storage === "redis") {
    const server = await connectedStore(config, clock);
    return { store: server, server, damaged: new Promise(() => {}) };
  }
  // The engine that isn't used isn't loaded: its library would take memory for nothing.
  const { openLmdbStore } = await import("@chouette-iot/queue/lmdb/open");
  let onDamage = (_: Error) => {};
  const damaged = new Promise<Error>((resolve) => {
    onDamage = resolve;
  });
  const options = { directory: dataDirectory, commitInterval: milliseconds(commitInterval), onDamage };
  const { store, setAside } = await openLmdbStore(options, clock.now());
  if (setAside !== undefined)
    log.error(
      setAside,
      "the store's file was damaged: it is set aside, and what can be read of it is in a new one",
    );
  try {
    const broker = await startBroker({
      store,
      ...listen,
      log,
      protectedMode,
      maxConnections,
      ...(password === undefined ? {} : { password }),
    });
    // The port may be one that the system chose.
    log.info({ listen: shownAddress(broker.address) }, "broker listening");
    const defaultLimit = await defaultStoreLimit(dataDirectory);
    return { store, broker, embedded: store, defaultLimit, damaged };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A store whose server had time to answer, so that only one that isn't there begins with an outage. */
async function connectedStore({ settings }: Config, clock: Clock): Promise<RedisStore> {
  const { RedisStore } = await import("@chouette-iot/queue/redis");
  const waiting = new AbortController();
  const store = new RedisStore({ ...redisAddress(settings), onConnected: () => waiting.abort() });
  await clock.sleep(FIRST_CONNECTION, waiting.signal);
  return store;
}
