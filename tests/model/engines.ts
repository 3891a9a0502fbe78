/** The engines that the model runs on. */
import { join } from "node:path";
import type { Position, Store, StoredRecord } from "@chouette-iot/queue";
import { type EmbeddedStore, openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { RedisStore } from "@chouette-iot/queue/redis";
import { lookInto } from "../support/broker-records.js";
import { newFolder } from "../support/folders.js";
import { startRedis } from "../support/redis-server.js";
import type { Broker } from "./operations.js";
import type { Engine } from "./watched-store.js";

/** In memory, behaving like the broker. */
export function memoryEngine(broker: Broker): Engine {
  return {
    emptyStore: async () => {
      const store = new MemoryStore();
      return broker === "embedded" ? byPosition(store) : store;
    },
  };
}

/** An engine that has files or a process of its own. */
export interface RealEngine extends Engine {
  close(): Promise<void>;
}

/** On a server that is emptied between the runs. */
export async function redisEngine(): Promise<RealEngine> {
  const server = await startRedis();
  const look = await lookInto(server.url);
  let connected = () => {};
  const isConnected = new Promise<void>((resolve) => {
    connected = resolve;
  });
  const store = new RedisStore({ url: server.url, onConnected: () => connected() });
  await isConnected;
  return {
    emptyStore: async () => {
      await look.command("FLUSHALL");
      return store;
    },
    close: async () => {
      await store.close();
      await look.close();
      await server.stop();
    },
  };
}

/** The agent's own, in a new folder for each run. */
export async function embeddedEngine(): Promise<RealEngine> {
  const folder = await newFolder();
  let store: EmbeddedStore | undefined;
  let stores = 0;
  return {
    emptyStore: async () => {
      await store?.close();
      stores += 1;
      ({ store } = await openEmbeddedStore({ folder: join(folder.path, `${stores}`) }));
      return store;
    },
    close: async () => {
      await store?.close();
      await folder.remove();
    },
  };
}

/** A store that identifies a record by id and score together. */
function byPosition(store: MemoryStore): Store {
  const inward = <P extends Position>(position: P): P => ({
    ...position,
    id: `${position.id}\0${position.score}`,
  });
  const outward = (record: StoredRecord): StoredRecord => ({ ...record, id: record.id.split("\0")[0] ?? "" });
  return {
    epoch: store.epoch,
    append: (queue, records) => store.append(queue, records.map(inward)),
    read: async (queue, { after, ...options }) => {
      const page = await store.read(
        queue,
        after === undefined ? options : { ...options, after: inward(after) },
      );
      return page.map(outward);
    },
    settle: ({ remove, add, ...rest }) =>
      store.settle({
        ...rest,
        ...(remove === undefined
          ? {}
          : { remove: remove.map((removal) => ({ ...removal, records: removal.records.map(inward) })) }),
        ...(add === undefined
          ? {}
          : { add: add.map(({ queue, records }) => ({ queue, records: records.map(inward) })) }),
      }),
    orphans: () => store.orphans(),
    size: (queue) => store.size(queue),
    state: (keys) => store.state(keys),
    stateWithPrefix: (prefix) => store.stateWithPrefix(prefix),
    counters: () => store.counters(),
    close: () => store.close(),
  };
}
