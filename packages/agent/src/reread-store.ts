/**
 * The store, for one who keeps in memory what it has read there.
 *
 * Promises: after each reconnect, when the data may be older than what was read, what reads or settles records rejects
 * with a StaleEpochError, and nothing of it is applied, until state is read again; that rejects once as well. So anyone who
 * reads its state again after a failure has nothing in memory that is of another time than the store's data, even if
 * several of its calls are under way at once and one's failure is heard late.
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
