/**
 * Delivery of one batch: sent, settled by what the output says of it, split where a part must be found.
 *
 * Promises: every record of the batch is delivered, or set aside with the output's own reason, or still in its
 * queue. A crash between sending and settling sends the same points again, which changes nothing at the intake.
 */
import { fateCounter, type Position, type Store } from "@chouette-iot/queue";
import { encodeRejected, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../clock.js";
import type { Outcome, Output } from "../outputs/output.js";

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
  switch (outcome.kind) {
    case "delivered":
      await settleDelivered(batch, options);
      return { records: batch.length, rejected: 0, bytes: outcome.bytes };
    case "unavailable":
    case "unauthorized":
      return { records: 0, rejected: 0, bytes: 0, obstacle: outcome };
    case "too-large":
    case "refused": {
      const [only] = batch;
      if (batch.length > 1) return deliverHalves(batch, options, signal);
      if (only !== undefined) await reject([{ ...only, reason: outcome.reason }], options);
      return { records: 0, rejected: batch.length, bytes: 0 };
    }
  }
}

async function deliverHalves<T>(
  batch: readonly Entry<T>[],
  options: DeliveryOptions<T>,
  signal?: AbortSignal,
): Promise<Delivered> {
  const middle = batch.length >> 1;
  const first = await deliver(batch.slice(0, middle), options, signal);
  if (first.obstacle !== undefined) return first;
  const second = await deliver(batch.slice(middle), options, signal);
  return {
    ...second,
    records: first.records + second.records,
    rejected: first.rejected + second.rejected,
    bytes: first.bytes + second.bytes,
  };
}

async function settleDelivered<T>(
  batch: readonly Entry<T>[],
  { store, queue }: DeliveryOptions<T>,
): Promise<void> {
  await store.settle({
    remove: [{ queue, records: batch }],
    count: new Map([[fateCounter(queue, "delivered"), batch.length]]),
  });
}

/** Sets records aside, each with its reason. */
export async function reject<T>(
  entries: readonly (Position & { readonly value: string | undefined; readonly reason: string })[],
  { store, queue, rejectedQueue, clock }: Omit<DeliveryOptions<T>, "output">,
): Promise<void> {
  const at = toSeconds(clock.now());
  await store.settle({
    remove: [{ queue, records: entries }],
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
    count: new Map([
      [fateCounter(queue, "rejected"), entries.length],
      [fateCounter(rejectedQueue, "accepted"), entries.length],
    ]),
  });
}
