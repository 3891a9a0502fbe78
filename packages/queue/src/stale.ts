import { StoreError } from "./store-error.js";

/** What `settle` rejects with where a note that it depends on has another text: nothing of it was applied. */
export class StaleSettlementError extends StoreError {
  override readonly name = "StaleSettlementError";
  /** The note that has another text. */
  readonly note: string;

  constructor(note: string) {
    super(`the note ${note} has another text: the settlement is stale`);
    this.note = note;
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

/** @throws StaleSettlementError where a note hasn't the text that it should have */
export function checkNotes(
  onlyWhile: ReadonlyMap<string, string | undefined>,
  textOf: (note: string) => string | undefined,
): void {
  for (const [note, text] of onlyWhile) if (textOf(note) !== text) throw new StaleSettlementError(note);
}
