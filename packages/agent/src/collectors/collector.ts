/**
 * A collector: reads one source on the device and returns metrics about it.
 *
 * This file has only types. A collector promises to change nothing, and to stop soon after its round's signal is aborted.
 * It needs no timers, retries or log: `rounds.ts` does that for all collectors.
 */
import type { ReadyType, Tags } from "@chouette-iot/record";
import type { CollectorSettings } from "../config/collector-settings.js";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import type { CollectorDescription } from "./description.js";

export interface CollectedMetric {
  readonly name: string;
  /** A count is the increase since the previous round; a rate is the increase per second. */
  readonly type: ReadyType;
  /** Finite. */
  readonly value: number;
  readonly tags?: Tags | undefined;
}

export interface Round {
  readonly clock: Clock;
  /** Aborted when the round's deadline has passed, or when the agent stops. */
  readonly signal: AbortSignal;
  /** Reports a part that couldn't be read. The round counts as failed, but its metrics are sent. */
  report(problem: string): void;
}

export interface Collector {
  readonly name: string;
  /** What is read, to be shown: an address or a path, without secrets. */
  readonly subject?: string | undefined;
  /** Throws if the source can't be read: the whole round is lost. With `report`, only a part is. */
  collect(round: Round): Promise<readonly CollectedMetric[]> | readonly CollectedMetric[];
  close?(): Promise<void> | void;
}

/** The agent's own Redis: the default for collectors that read a Redis server. */
export interface RedisAddress {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** Passed to a collector's factory. */
export interface CollectorContext {
  readonly settings: CollectorSettings;
  readonly redis: RedisAddress;
  readonly log: Log;
}

/** The default export of a user's module. */
export type CollectorFactory = (context: CollectorContext) => Collector | Promise<Collector>;

/** The exports of a built-in collector's module. */
export interface BuiltIn {
  readonly description: CollectorDescription;
  readonly open: CollectorFactory;
}
