import { StoreError } from "./store-error.js";

/** What `settle` rejects with if a key of the state that it depends on has another text: nothing of it was applied. */
export class StaleSettlementError extends StoreError {
  override readonly name = "StaleSettlementError";
  /** The key whose text differs. */
  readonly key: string;

  constructor(key: string) {
    super(`the state at ${key} has another text: the settlement is stale`);
    this.key = key;
  }
}

/** What `settle` rejects with if the store was reconnected since its origins were read: nothing was applied. */
export class StaleEpochError extends StoreError {
  override readonly name = "StaleEpochError";

  constructor() {
    super("the store was reconnected and may have older data: state must be read again");
  }
}

/** @throws StaleEpochError if a settlement depends on another epoch than the current one */
export function checkEpoch(onlyInEpoch: number | undefined, epoch: number): void {
  if (onlyInEpoch !== undefined && onlyInEpoch !== epoch) throw new StaleEpochError();
}

/** @throws StaleSettlementError if a key of the state hasn't the expected text */
export function checkState(
  onlyWhile: ReadonlyMap<string, string | undefined>,
  textOf: (key: string) => string | undefined,
): void {
  for (const [key, text] of onlyWhile) if (textOf(key) !== text) throw new StaleSettlementError(key);
}
