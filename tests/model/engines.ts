/** The engines that the model runs on. */
import type { Position, Store, StoredRecord } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import type { Broker } from "./operations.js";
import type { Engine } from "./watched-store.js";

/** In memory, as the broker would do it. */
export function memoryEngine(broker: Broker): Engine {
  return {
    emptyStore: async () => {
      const store = new MemoryStore();
      return broker === "embedded" ? byPosition(store) : store;
    },
  };
}

/** A store in which the id and the score together say which record it is. */
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
    strays: () => store.strays(),
    size: (queue) => store.size(queue),
    notes: (keys) => store.notes(keys),
    notesUnder: (prefix) => store.notesUnder(prefix),
    counters: () => store.counters(),
    close: () => store.close(),
  };
}
