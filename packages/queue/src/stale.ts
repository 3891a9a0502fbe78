/** Stale settlements: they depend on state or on an epoch that has changed since, and are refused whole. */
import { StoreError } from "./store-error.js";

/** `settle` rejects with it if a key of `onlyWhile` has another text. Nothing was applied. */
export class StaleSettlementError extends StoreError {
  override readonly name = "StaleSettlementError";
  /** The key whose text differs. */
  readonly key: string;

  constructor(key: string) {
    super(`the state at ${key} has another text: the settlement is stale`);
    this.key = key;
  }
}

/** `settle` rejects with it if the store has reconnected since the settlement's records were read. Nothing was applied. */
export class StaleEpochError extends StoreError {
  override readonly name = "StaleEpochError";

  constructor() {
    super("the store was reconnected and may have older data: state must be read again");
  }
}

/** @throws StaleEpochError if the settlement depends on another epoch than the current one */
export function checkEpoch(onlyInEpoch: number | undefined, epoch: number): void {
  if (onlyInEpoch !== undefined && onlyInEpoch !== epoch) throw new StaleEpochError();
}

/** @throws StaleSettlementError if a key of the state doesn't have the expected text */
export function checkState(
  onlyWhile: ReadonlyMap<string, string | undefined>,
  textOf: (key: string) => string | undefined,
): void {
  for (const [key, text] of onlyWhile) if (textOf(key) !== text) throw new StaleSettlementError(key);
}
