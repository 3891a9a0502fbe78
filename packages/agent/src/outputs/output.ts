/**
 * The interface of an output: it sends batches of records to their destination and returns the outcome of each.
 *
 * Promises: a typed outcome, never an exception. It keeps no records: undelivered ones stay in the queue.
 */
import { type Milliseconds, messageOf } from "@chouette-iot/record";

/** Who found that a batch can't be sent. An answer may come from a middlebox that answers the same to everything. */
export type FoundBy = "output" | "answer";

export type Outcome = {
  /** Bytes that were sent for it, failed attempts included, without headers and TLS. */
  readonly bytes: number;
  /** HTTP status of the answer that didn't accept it, if there was one. */
  readonly status?: number;
} & (
  | { readonly kind: "delivered" }
  /** Not accepted now: to be sent again later, not before `retryAfter`. */
  | {
      readonly kind: "unavailable";
      readonly reason: string;
      readonly retryAfter?: Milliseconds | undefined;
      /** Whether an answer came: then the link works. */
      readonly answered: boolean;
    }
  /** The key isn't accepted: nothing can be sent until it is. */
  | { readonly kind: "unauthorized"; readonly reason: string }
  /** The batch is over a limit. @param parts number of parts to split it into, at least two */
  | { readonly kind: "too-large"; readonly reason: string; readonly parts: number; readonly foundBy: FoundBy }
  /** A record in the batch isn't acceptable and never will be. */
  | { readonly kind: "refused"; readonly reason: string; readonly foundBy: FoundBy }
);

type Unavailable = Extract<Outcome, { kind: "unavailable" }>;

/** @param bytes that were sent; none by default */
export function unavailable(
  reason: string,
  { answered, bytes = 0 }: Pick<Unavailable, "answered"> & Partial<Pick<Outcome, "bytes">>,
): Unavailable {
  return { kind: "unavailable", reason, answered, bytes };
}

/** The position of a batch's record in its queue. */
export interface Place {
  /** Unix time in seconds. */
  readonly score: number;
  readonly id: string;
}

export type Resumed =
  /** Records that earlier calls of `send` delivered, perhaps without their caller knowing: to be settled first. */
  { readonly kind: "resumed"; readonly accepted: readonly Place[] } | Unavailable;

export interface Output<T> {
  /**
   * For an output whose destination remembers what it accepted, so that nothing is accepted twice. Called before the first
   * `send`, and after each `send` whose batch may or may not have been delivered and settled.
   *
   * @param store identifies the store that the records are in
   */
  resume?(store: string, signal?: AbortSignal): Promise<Resumed>;
  /**
   * @param signal aborts it; the outcome is then `unavailable`
   * @param places of the batch's records, in the same order
   */
  send(batch: readonly T[], signal?: AbortSignal, places?: readonly Place[]): Promise<Outcome>;
  /** Checks whether records would be accepted: `delivered` without bytes, or why not. */
  check(signal?: AbortSignal): Promise<Outcome>;
  close(): Promise<void>;
}

export type Encoded<T> =
  | { readonly ok: true; readonly value: T }
  /** The outcome of the batch, which can't be sent. */
  | { readonly ok: false; readonly outcome: Outcome };

/** Runs an encoder. An exception becomes the outcome `refused`, so that the batch is split to find the record. */
export function tryEncode<T>(encode: () => T): Encoded<T> {
  try {
    return { ok: true, value: encode() };
  } catch (error) {
    const reason = `can't be encoded: ${messageOf(error)}`;
    return { ok: false, outcome: { kind: "refused", reason, foundBy: "output", bytes: 0 } };
  }
}
