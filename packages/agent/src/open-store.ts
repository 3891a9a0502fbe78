/** The agent's store: a Redis server, or the embedded store with its broker. */
import type { BrokerStore, Store } from "@chouette-iot/queue";
import type { ReportedLosses } from "@chouette-iot/queue/embedded";
import type { RedisStore, RedisStoreOptions } from "@chouette-iot/queue/redis";
import { milliseconds } from "@chouette-iot/record";
import type { Config } from "./config/config.js";
import { redisAddress } from "./config/redis-address.js";
import type { Settings } from "./config/settings.js";
import { defaultStoreLimit } from "./housekeeping/store-limit.js";
import { type RunningBroker, startBroker } from "./ingest/redis-protocol/listener.js";
import type { BrokerTls } from "./ingest/redis-protocol/secure-connections.js";
import { shownAddress } from "./runtime/address.js";
import type { Clock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import { Outage } from "./runtime/outage.js";
import { pem } from "./runtime/pem.js";

const FIRST_CONNECTION = milliseconds(2_000);
/** In milliseconds, for CHOUETTE_FSYNC=everysec. */
const EVERY_SECOND = 1_000;

export type StoreEngine =
  | { readonly kind: "redis"; readonly server: RedisStore }
  | {
      readonly kind: "embedded";
      readonly store: BrokerStore;
      readonly broker: RunningBroker;
      /** In bytes; applies if STORE_MAX_BYTES isn't set. */
      readonly defaultLimit: number;
    }
  /** Only in tests. */
  | { readonly kind: "memory" };

export interface OpenStore {
  readonly store: Store;
  readonly engine: StoreEngine;
  /** Of the embedded store's disk. */
  readonly outages: readonly Outage[];
}

/**
 * Rejects if the embedded store can't be opened: the broker's port is in use, its folder isn't writable, or a TLS file
 * can't be read. A Redis server that is unavailable is no error.
 *
 * @param onProgress called while the files of a large store are read
 */
export async function openStore(
  config: Config,
  log: Log,
  clock: Clock,
  onProgress: () => void,
): Promise<OpenStore> {
  const { listen, password, protectedMode, maxConnections } = config.settings;
  if (config.storage === "redis") {
    const server = await connectedStore(config, log, clock);
    return { store: server, engine: { kind: "redis", server }, outages: [] };
  }
  const tls = await brokerTls(config.settings);
  const diskOutage = new Outage("embedded broker disk", clock, log);
  const store = await openEmbedded(config, log, clock, { diskOutage, onProgress });
  try {
    const broker = await startBroker({
      store,
      ...listen,
      log,
      protectedMode,
      maxConnections,
      tls,
      password,
    });
    // Logged, since the system may have chosen the port.
    log.info({ listen: shownAddress(broker.address) }, "broker listening");
    const defaultLimit = await defaultStoreLimit(config.settings.dataDirectory);
    return { store, engine: { kind: "embedded", store, broker, defaultLimit }, outages: [diskOutage] };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Rejects if a file can't be read. */
async function brokerTls({ tlsCert, tlsKey, tlsClientCa }: Settings): Promise<BrokerTls | undefined> {
  const cert = await pem("CHOUETTE_TLS_CERT", tlsCert);
  const key = await pem("CHOUETTE_TLS_KEY", tlsKey);
  const clientCa = await pem("CHOUETTE_TLS_CLIENT_CA", tlsClientCa);
  return cert === undefined || key === undefined ? undefined : { cert, key, clientCa };
}

async function openEmbedded(
  { settings }: Config,
  log: Log,
  clock: Clock,
  { diskOutage, onProgress }: { readonly diskOutage: Outage; readonly onProgress: () => void },
): Promise<BrokerStore> {
  // Imported here, so that an engine that isn't used takes no memory.
  const { openEmbeddedStore } = await import("@chouette-iot/queue/embedded");
  const { store, losses, takenOver } = await openEmbeddedStore({
    folder: settings.dataDirectory,
    fsync: settings.fsync === "everysec" ? EVERY_SECOND : settings.fsync,
    now: clock.now(),
    onProgress: (done) => {
      log.info({ percent: Math.round(done * 100) }, "reading the store");
      onProgress();
    },
    onTrouble: (error) => log.error({ err: error }, "error in the store's files"),
    onFull: (reason) => (reason === undefined ? diskOutage.end() : diskOutage.begin(reason)),
  });
  if (takenOver !== undefined) log.info(takenOver, "took over the store of version 0.1.0");
  if (losses !== undefined) {
    const { lost, isUnknown, damagedBytes, movedTo } = losses;
    const records = isUnknown ? "unknown" : Object.fromEntries(lost);
    log.error(
      { records, counted: Object.fromEntries(lost), damagedBytes, movedTo },
      `records lost: ${causeOf(losses)}`,
    );
  }
  return store;
}

function causeOf({ isPowerLost, isOtherVersion }: ReportedLosses): string {
  if (isOtherVersion) return "another version of Chouette wrote the files, which were moved away unchanged";
  return isPowerLost ? "the machine stopped before the last writes were on disk" : "files were damaged";
}

/**
 * Waits briefly for the connection, so that an outage is only reported if the server really doesn't answer.
 *
 * @param place of a shard; undefined for the whole store
 */
export async function connectedStore(
  { settings }: Config,
  log: Log,
  clock: Clock,
  place?: Pick<RedisStoreOptions, "namespace" | "shard">,
): Promise<RedisStore> {
  const { RedisStore } = await import("@chouette-iot/queue/redis");
  const waiting = new AbortController();
  let last: string | undefined;
  const onConnected = (server: string) => {
    waiting.abort();
    if (last !== undefined && server !== last)
      log.warn(
        { from: last, to: server },
        place?.shard
          ? `the shard has moved from Redis at ${last} to ${server}; after a failover, the last writes may be lost`
          : `Redis failed over from ${last} to ${server}; the last writes to ${last} may be lost`,
      );
    last = server;
  };
  const store = new RedisStore({ ...redisAddress(settings), ...place, onConnected });
  await clock.sleep(FIRST_CONNECTION, waiting.signal);
  return store;
}
