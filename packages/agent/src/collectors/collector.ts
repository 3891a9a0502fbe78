/**
 * A collector: something that looks at one source on the device and says what it saw as metrics.
 *
 * This file holds the shapes alone. A collector promises to read only, and to stop soon after its round's
 * signal is aborted. It need not time itself, retry, or log: the rounds (`rounds.ts`) do that for all.
 */
import type { ReadyType, Tags } from "@chouette-iot/record";
import type { CollectorSettings } from "../config/collector-settings.js";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import type { CollectorDescription } from "./description.js";

export interface CollectedMetric {
  readonly name: string;
  /** A count is what was added since the round before; a rate is that per second. */
  readonly type: ReadyType;
  /** Finite. 0 is a value like any other. */
  readonly value: number;
  readonly tags?: Tags;
}

export interface Round {
  readonly clock: Clock;
  /** Aborted when the round's deadline has passed, or when the agent stops. */
  readonly signal: AbortSignal;
  /** Says what could not be read while the rest could. The round then counts as failed, its metrics go on all the same. */
  report(problem: string): void;
}

export interface Collector {
  readonly name: string;
  /** Whose figures these are and how they are reached, for a person; no secrets. */
  readonly subject?: string | undefined;
  /** Throws if the source can't be read; what it knows besides is then lost, unless it uses `report` instead. */
  collect(round: Round): Promise<readonly CollectedMetric[]> | readonly CollectedMetric[];
  close?(): Promise<void> | void;
}

/** The agent's own Redis, for collectors that look into one and were not told of another. */
export interface RedisAddress {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** What a collector may be built from. */
export interface CollectorContext {
  readonly settings: CollectorSettings;
  readonly redis: RedisAddress;
  readonly log: Log;
}

/** What a user's own module exports as its default. */
export type CollectorFactory = (context: CollectorContext) => Collector | Promise<Collector>;

/** What a built-in collector's file exports. */
export interface BuiltIn {
  readonly description: CollectorDescription;
  readonly open: CollectorFactory;
}
