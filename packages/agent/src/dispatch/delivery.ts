/**
 * Delivery of one batch: sends it, settles its outcome, and splits it if that is needed to find a refused record.
 *
 * Promises: every record of the batch is delivered, becomes a dead letter with the output's reason, or stays in its
 * queue. If an output throws, against its contract, the batch stays. A crash between sending and settling sends the
 * same points again, which changes nothing at the intake, but duplicates logs. A store that fails in between doesn't:
 * see delivered-batches.ts.
 */
import { type Position, rejection, type Store } from "@chouette-iot/queue";
import { messageOf, toSeconds } from "@chouette-iot/record";
import { type Outcome, type Output, unavailable } from "../outputs/output.js";
import type { Clock } from "../runtime/clock.js";
import type { DeliveredBatches } from "./delivered-batches.js";
import type { Release } from "./release.js";
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
  readonly delivered: DeliveredBatches;
}

/** Why a batch, or a part of it, stays in its queue. */
export type SendFailure = Extract<Outcome, { kind: "unavailable" | "unauthorized" }>;

export interface Delivered {
  readonly records: number;
  readonly rejected: number;
  readonly bytes: number;
  /** Undefined if nothing of the batch is left in the queue, except for suspects and batches that the release skips. */
  readonly failure?: SendFailure | undefined;
}

export async function deliver<T>(
  batch: readonly Entry<T>[],
  options: DeliveryOptions<T>,
  release: Release<Entry<T>>,
  signal?: AbortSignal,
): Promise<Delivered> {
  const outcome = await send(batch, options, signal);
  const { bytes } = outcome;
  const nothing: Delivered = { records: 0, rejected: 0, bytes };
  switch (outcome.kind) {
    case "delivered": {
      release.accepted(batch);
      const records = batch.length;
      return plus({ ...nothing, records }, await deliverSuspects(options, release, signal));
    }
    case "unavailable":
    case "unauthorized":
      return { ...nothing, failure: outcome };
    case "too-large":
    case "refused": {
      const parts = outcome.kind === "too-large" ? outcome.parts : 2;
      const [only] = batch;
      if (outcome.foundBy === "output") {
        if (batch.length > 1) return deliverParts(split(batch, parts), nothing, options, release, signal);
        if (only !== undefined) await reject([{ ...only, reason: outcome.reason }], options);
        return { ...nothing, rejected: batch.length };
      }
      release.refused(outcome.reason, batch.length);
      const reason = release.refusesEverything;
      if (reason !== undefined) return { ...nothing, failure: unavailable(reason, { answered: true }) };
      if (batch.length > 1) {
        if (!release.maySearch) return nothing;
        return deliverParts(inRandomOrder(split(batch, parts)), nothing, options, release, signal);
      }
      if (only !== undefined) release.suspect(only, outcome.reason);
      return nothing;
    }
  }
}

/** Sends each suspect once more, if something else was accepted: one that is refused again becomes a dead letter. */
export async function deliverSuspects<T>(
  options: DeliveryOptions<T>,
  release: Release<Entry<T>>,
  signal?: AbortSignal,
): Promise<Delivered> {
  let sum: Delivered = { records: 0, rejected: 0, bytes: 0 };
  for (const { entry } of release.takeSuspects()) {
    const outcome = await send([entry], options, signal);
    const nothing: Delivered = { records: 0, rejected: 0, bytes: outcome.bytes };
    switch (outcome.kind) {
      case "delivered":
        release.accepted([entry]);
        sum = plus(sum, { ...nothing, records: 1 });
        break;
      case "unavailable":
      case "unauthorized":
        return plus(sum, { ...nothing, failure: outcome });
      case "too-large":
      case "refused":
        await reject([{ ...entry, reason: outcome.reason }], options);
        sum = plus(sum, { ...nothing, rejected: 1 });
        break;
      default:
        outcome satisfies never;
    }
  }
  return sum;
}

/** Counts the bytes that were sent and removes the records that were delivered, in one settlement. */
async function send<T>(
  batch: readonly Entry<T>[],
  { store, output, sentBytes, delivered }: DeliveryOptions<T>,
  signal?: AbortSignal,
): Promise<Outcome> {
  const outcome = await outcomeOf(batch, output, signal);
  const state = sentBytes.add(outcome.bytes);
  if (outcome.kind === "delivered") await delivered.settle(batch, state);
  else if (state.size > 0) await store.settle({ state });
  return outcome;
}

/** An output must not throw. If it does, the batch may or may not have been delivered: it is kept. */
async function outcomeOf<T>(
  batch: readonly Entry<T>[],
  output: Output<T>,
  signal?: AbortSignal,
): Promise<Outcome> {
  try {
    const records = batch.map(({ record }) => record);
    return await output.send(records, signal, batch);
  } catch (error) {
    return unavailable(`fault in the output: ${messageOf(error)}`, { answered: true });
  }
}

function split<T>(batch: readonly T[], parts: number): readonly (readonly T[])[] {
  const size = Math.ceil(batch.length / parts);
  return Array.from({ length: Math.ceil(batch.length / size) }, (_, index) =>
    batch.slice(index * size, (index + 1) * size),
  );
}

/** So that the next search doesn't fail in the same order if this one finds nothing that is accepted. */
function inRandomOrder<T>(parts: readonly T[]): readonly T[] {
  return Math.random() < 0.5 ? parts : parts.toReversed();
}

async function deliverParts<T>(
  parts: readonly (readonly Entry<T>[])[],
  before: Delivered,
  options: DeliveryOptions<T>,
  release: Release<Entry<T>>,
  signal?: AbortSignal,
): Promise<Delivered> {
  let sum = before;
  for (const part of parts) {
    sum = plus(sum, await deliver(part, options, release, signal));
    if (sum.failure !== undefined) return sum;
  }
  return sum;
}

function plus(a: Delivered, { failure, ...b }: Delivered): Delivered {
  return {
    records: a.records + b.records,
    rejected: a.rejected + b.rejected,
    bytes: a.bytes + b.bytes,
    failure,
  };
}

/** Turns records into dead letters, each with its reason. */
export async function reject(
  entries: readonly (Position & { readonly value: string | undefined; readonly reason: string })[],
  {
    store,
    queue,
    rejectedQueue,
    clock,
  }: Pick<DeliveryOptions<unknown>, "store" | "queue" | "rejectedQueue" | "clock">,
): Promise<void> {
  await store.settle(rejection({ queue, rejectedQueue, at: toSeconds(clock.now()) }, entries));
}
