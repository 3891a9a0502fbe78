export { absentValueReason } from "./bounded-page.js";
export { type BrokerStore, type DiskReport, MAX_ID_BYTES, type QueueWrite } from "./broker-store.js";
export { deadLetter, orphanRejection, type Rejection, rejection } from "./dead-letter.js";
export { counterName, type Disposition, unknownLossCounter } from "./disposition.js";
export { evictUntil, type SizeLimit } from "./evict.js";
export { expire, rejectRange, type ScoreRange } from "./expire.js";
export { orphanPages, type Page, type PagesOptions, pages } from "./pages.js";
export { NAMESPACE, type QueueNames, queueNames } from "./queue-names.js";
export { namespaceOf, shardNamespace, shardsKey, withoutShard } from "./shards.js";
export { StaleEpochError, StaleSettlementError } from "./stale.js";
export {
  MAX_PAGE_BYTES,
  MAX_VALUE_BYTES,
  type NewRecord,
  type Orphan,
  type Position,
  type ReadOptions,
  type Settlement,
  type Store,
  type StoredRecord,
} from "./store.js";
export { asStoreError, StoreError, StoreFullError, withStoreErrors } from "./store-error.js";
