/**
 * An output takes batches of records to where they are to go, and says what became of each batch.
 *
 * Promises: a typed outcome, never an exception. It keeps nothing: what isn't delivered stays in the queue.
 */
import type { Milliseconds } from "@chouette-iot/record";

export type Outcome = {
  /** What went out for it, headers and TLS aside; that of a failed attempt is paid for as well. */
  readonly bytes: number;
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
  | { readonly kind: "too-large"; readonly reason: string; readonly parts: number }
  /** Something in the batch is not acceptable and never will be. */
  | { readonly kind: "refused"; readonly reason: string }
);

export interface Output<T> {
  /** @param signal gives up the sending; the outcome is then `unavailable` */
  send(batch: readonly T[], signal?: AbortSignal): Promise<Outcome>;
  /** Whether the output would be let in: `delivered` with no bytes, or why not. */
  check(signal?: AbortSignal): Promise<Outcome>;
  close(): Promise<void>;
}
