export { type BrokerStore, LONGEST_ID, type QueueWrite } from "./broker-store.js";
export { makeRoom } from "./cap.js";
export { expire } from "./expire.js";
export { type Fate, fateCounter } from "./fates.js";
export { NAMESPACE, type QueueNames, queueNames } from "./names.js";
export { StaleSettlementError } from "./stale.js";
export type { NewRecord, Position, ReadOptions, Settlement, Store, StoredRecord, Stray } from "./store.js";
export { StoreError, withStoreErrors } from "./store-error.js";
