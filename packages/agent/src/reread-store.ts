/**
 * The store for a module that keeps in memory what it read there, such as the flush.
 *
 * A Redis server may come back with older data. Promises: after each reconnect, calls that read or settle records reject
 * with a StaleEpochError, and nothing is applied, until state is read again; the first such read rejects, too. So a module
 * that reads its state again after every failure never has state in memory that differs from the store's, even if
 * several of its calls overlap and one learns late of the failure.
 */
import { type Settlement, StaleEpochError, type Store } from "@chouette-iot/queue";

export function rereadAfterReconnect(store: Store): Store {
  let epoch = store.epoch;
  const checked = () => {
    if (store.epoch !== epoch) throw new StaleEpochError();
    return store;
  };
  const rereading = () => {
    if (store.epoch === epoch) return store;
    epoch = store.epoch;
    throw new StaleEpochError();
  };
  return {
    get epoch() {
      return store.epoch;
    },
    append: (queue, records) => store.append(queue, records),
    read: async (queue, options) => checked().read(queue, options),
    orphans: async (queue, limit) => checked().orphans(queue, limit),
    settle: async (settlement: Settlement) => checked().settle({ ...settlement, onlyInEpoch: epoch }),
    size: (queue) => store.size(queue),
    state: async (keys) => rereading().state(keys),
    stateWithPrefix: async (prefix) => rereading().stateWithPrefix(prefix),
    counters: () => store.counters(),
    close: () => store.close(),
  };
}
