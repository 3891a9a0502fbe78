/**
 * An output takes batches of records to where they are to go, and says what became of each batch.
 *
 * Promises: a typed outcome, never an exception. It keeps nothing: what isn't delivered stays in the queue.
 */
import { type Milliseconds, messageOf } from "@chouette-iot/record";

/** Who says that a batch can't be taken: an answer may be a middlebox's, which answers so to everything. */
export type FoundBy = "output" | "answer";

export type Outcome = {
  /** What went out for it, headers and TLS aside; that of a failed attempt is paid for as well. */
  readonly bytes: number;
  /** Of the answer that didn't accept it, if there was one. */
  readonly status?: number;
} & (
  | { readonly kind: "delivered" }
  /** Not taken for now: to be sent again later, not before `retryAfter` where it is given. */
  | {
      readonly kind: "unavailable";
      readonly reason: string;
      readonly retryAfter?: Milliseconds;
      /** Whether an answer came: then another batch may fare better. */
      readonly answered: boolean;
    }
  /** The key isn't accepted: nothing will be, until it is. */
  | { readonly kind: "unauthorized"; readonly reason: string }
  /** The batch is over a limit; a part of it may not be. `parts`: into how many to split it, at least two. */
  | { readonly kind: "too-large"; readonly reason: string; readonly parts: number; readonly foundBy: FoundBy }
  /** Something in the batch is not acceptable and never will be. */
  | { readonly kind: "refused"; readonly reason: string; readonly foundBy: FoundBy }
);

/** Where a record of a batch is in its queue. */
export interface Place {
  /** Its time in seconds since the epoch. */
  readonly score: number;
  readonly id: string;
}

export type Resumed =
  /** Records that earlier calls of `send` delivered, though their caller may not have learned of it: to be settled first. */
  | { readonly kind: "resumed"; readonly accepted: readonly Place[] }
  | Extract<Outcome, { kind: "unavailable" }>;

export interface Output<T> {
  /**
   * For an output that remembers what it took, so that nothing is taken twice: called before the first `send`, and after
   * each of which it isn't known whether its batch was delivered and settled.
   *
   * @param store identifies the store that the records are in
   */
  resume?(store: string, signal?: AbortSignal): Promise<Resumed>;
  /**
   * @param signal gives up the sending; the outcome is then `unavailable`
   * @param places of the batch's records, in their order
   */
  send(batch: readonly T[], signal?: AbortSignal, places?: readonly Place[]): Promise<Outcome>;
  /** Whether the output would be let in: `delivered` with no bytes, or why not. */
  check(signal?: AbortSignal): Promise<Outcome>;
  close(): Promise<void>;
}

export type Encoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly outcome: Extract<Outcome, { kind: "refused" }> };

/** The boundary around an encoder: whatever it throws is an outcome, so that the batch is split to find its cause. */
export function tryEncode<T>(encode: () => T): Encoded<T> {
  try {
    return { ok: true, value: encode() };
  } catch (error) {
    const reason = `can't be encoded: ${messageOf(error)}`;
    return { ok: false, outcome: { kind: "refused", reason, foundBy: "output", bytes: 0 } };
  }
}
