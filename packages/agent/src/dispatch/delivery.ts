/**
 * Delivery of one batch: sent, settled by what the output says of it, split where a part must be found.
 *
 * Promises: every record of the batch is delivered, or set aside with the output's own reason, or still in its
 * queue. A crash between sending and settling sends the same points again, which changes nothing at the intake;
 * logs would be there twice.
 */
import { fateCounter, type Position, type Store } from "@chouette-iot/queue";
import { encodeRejected, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../clock.js";
import type { Outcome, Output } from "../outputs/output.js";
import type { SentBytes } from "./sent-bytes.js";

/** A record of a queue, decoded. */
export interface Entry<T> extends Position {
  readonly record: T;
  /** As it is stored. */
  readonly value: string;
}

export interface DeliveryOptions<T> {
  readonly store: Store;
  readonly queue: string;
  readonly rejectedQueue: string;
  readonly output: Output<T>;
  readonly clock: Clock;
  readonly sentBytes: SentBytes;
}

/** What keeps a batch, or a part of it, in its queue. */
export type Obstacle = Extract<Outcome, { kind: "unavailable" | "unauthorized" }>;

export interface Delivered {
  readonly records: number;
  readonly rejected: number;
  readonly bytes: number;
  /** Undefined where nothing of the batch is left in the queue. */
  readonly obstacle?: Obstacle;
}

export async function deliver<T>(
  batch: readonly Entry<T>[],
  options: DeliveryOptions<T>,
  signal?: AbortSignal,
): Promise<Delivered> {
  const outcome = await options.output.send(
    batch.map(({ record }) => record),
    signal,
  );
  const { bytes } = outcome;
  if (outcome.kind === "delivered") {
    await settleDelivered(batch, bytes, options);
    return { records: batch.length, rejected: 0, bytes };
  }
  if (bytes > 0) await options.store.settle({ notes: options.sentBytes.add(bytes) });
  switch (outcome.kind) {
    case "unavailable":
    case "unauthorized":
      return { records: 0, rejected: 0, bytes, obstacle: outcome };
    case "too-large":
    case "refused": {
      const parts = outcome.kind === "too-large" ? outcome.parts : 2;
      const [only] = batch;
      if (batch.length > 1) return deliverParts(split(batch, parts), bytes, options, signal);
      if (only !== undefined) await reject([{ ...only, reason: outcome.reason }], options);
      return { records: 0, rejected: batch.length, bytes };
    }
  }
}

function split<T>(batch: readonly T[], parts: number): readonly (readonly T[])[] {
  const size = Math.ceil(batch.length / parts);
  return Array.from({ length: Math.ceil(batch.length / size) }, (_, index) =>
    batch.slice(index * size, (index + 1) * size),
  );
}

async function deliverParts<T>(
  parts: readonly (readonly Entry<T>[])[],
  bytesBefore: number,
  options: DeliveryOptions<T>,
  signal?: AbortSignal,
): Promise<Delivered> {
  let sum: Delivered = { records: 0, rejected: 0, bytes: bytesBefore };
  for (const part of parts) {
    const { records, rejected, bytes, obstacle } = await deliver(part, options, signal);
    sum = {
      records: sum.records + records,
      rejected: sum.rejected + rejected,
      bytes: sum.bytes + bytes,
    };
    if (obstacle !== undefined) return { ...sum, obstacle };
  }
  return sum;
}

async function settleDelivered<T>(
  batch: readonly Entry<T>[],
  bytes: number,
  { store, queue, sentBytes }: DeliveryOptions<T>,
): Promise<void> {
  await store.settle({
    // The flush may have put a later value in the place of one of these while it was under way.
    remove: [{ queue, records: batch, counter: fateCounter(queue, "delivered") }],
    notes: sentBytes.add(bytes),
  });
}

/** Sets records aside, each with its reason. */
export async function reject<T>(
  entries: readonly (Position & { readonly value: string | undefined; readonly reason: string })[],
  { store, queue, rejectedQueue, clock }: Omit<DeliveryOptions<T>, "output" | "sentBytes">,
): Promise<void> {
  const at = toSeconds(clock.now());
  await store.settle({
    remove: [{ queue, records: entries, counter: fateCounter(queue, "rejected") }],
    add: [
      {
        queue: rejectedQueue,
        records: entries.map(({ id, value, reason }) => ({
          score: at,
          id,
          value: encodeRejected({ reason, queue, at, value: value ?? null }),
        })),
      },
    ],
    count: new Map([[fateCounter(rejectedQueue, "accepted"), entries.length]]),
  });
}
