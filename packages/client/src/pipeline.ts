/**
 * The pipeline that a client and its children share. Its parts are wired together only here.
 *
 *   call → context → aggregator ─┬─ record text → outbox → senders → broker
 *              └─── samples, ────┘                  ↑ ↓
 *                   own times             log text ─┘ spill
 */

import { queueNames } from "@chouette-iot/queue";
import type { SetElement } from "@chouette-iot/record";
import { Aggregator, ClockText, type MetricContext } from "@chouette-iot/record/calls";
import { holdProcess, stopTimer, type Timer } from "@chouette-iot/record/host";
import { ClientEvents } from "./client-events.js";
import { Counters, type Refusal } from "./counters.js";
import { onProcessExit } from "./exit-hooks.js";
import { newClientId } from "./ids.js";
import type { Settings } from "./options.js";
import { Outbox } from "./outbox.js";
import type { ClientStats, Recorder } from "./recorder.js";
import { Senders } from "./senders.js";
import { ShardQueues } from "./shard-queues.js";
import { Spill } from "./spill/spill.js";
import { SpillPolicy } from "./spill/spill-policy.js";

const REFUSED = Promise.resolve(false);
const queues = queueNames();

export class Pipeline implements Recorder {
  readonly counters = new Counters();
  readonly events = new ClientEvents(this.counters);
  readonly #clock = new ClockText();
  readonly #aggregator: Aggregator;
  readonly #settings: Settings;
  readonly #outbox: Outbox;
  readonly #shards: ShardQueues | undefined;
  readonly #senders: Senders;
  readonly #spill: Spill | undefined;
  readonly #spillPolicy: SpillPolicy | undefined;
  readonly #removeExitHooks: () => void;
  readonly #isOpen = (queue: string) => this.#outbox.hasOpen(queue);
  /** Number of accepted calls when the exit was last delayed: it is delayed again only after further calls. */
  #exitTriedAt = -1;
  #closed: Promise<void> | undefined;

  constructor(settings: Settings, onError: ((error: Error) => void) | undefined) {
    this.#settings = settings;
    if (onError !== undefined) this.events.on("error", onError);
    const clientId = newClientId();
    const { shards } = settings;
    this.#shards = shards === undefined ? undefined : new ShardQueues(shards);
    this.#outbox = new Outbox(settings, {
      onWaiting: (queue, full) => this.#senders.wake(queue, full),
      onOverflow: (batch) => {
        if (!this.#spillPolicy?.take(batch)) this.events.onDropped("buffer_full", batch.records);
      },
    });
    this.#spill = settings.spill && new Spill(settings.spill, clientId, this.events);
    this.#senders = new Senders({
      settings,
      clientId,
      outbox: this.#outbox,
      spill: this.#spill,
      shards: this.#shards,
      listener: this.events,
    });
    if (this.#spill !== undefined) {
      this.#spillPolicy = new SpillPolicy(this.#spill, this.#outbox, this.#senders, (error) =>
        this.events.onError(error),
      );
      if (!this.#spill.isEmpty) this.#senders.wakeAll();
    }
    this.#aggregator = new Aggregator(settings.cardinalityLimit, this.counters, (context, value, at) =>
      this.#outbox.addMetric(this.#metricQueue(context), context, value, this.#clock.seconds(at)),
    );
    this.#removeExitHooks = onProcessExit({
      beforeExit: () => this.#onBeforeExit(),
      exit: () => this.#onExit(),
      signal: settings.exitSignals ? () => this.flush(settings.exitTimeout) : undefined,
    });
  }

  number(context: MetricContext, value: number): Promise<boolean> {
    if (this.#closed !== undefined) return this.refuse("closed");
    if (this.#settings.aggregate) {
      if (context.type === "count" || context.type === "rate") {
        this.counters.accepted++;
        return this.#aggregator.addToSum(context, value);
      }
      if (context.type === "gauge") {
        this.counters.accepted++;
        return this.#aggregator.setGauge(context, value);
      }
      if (context.type === "distribution") {
        this.counters.accepted++;
        return this.#aggregator.addSample(context, value, 1);
      }
    }
    return this.#record(context, value, undefined);
  }

  elements(context: MetricContext, elements: readonly SetElement[]): Promise<boolean> {
    if (this.#closed !== undefined) return this.refuse("closed");
    if (!this.#settings.aggregate) return this.#record(context, JSON.stringify(elements), undefined);
    this.counters.accepted++;
    return this.#aggregator.addToSet(context, elements);
  }

  recordAt(
    context: MetricContext,
    value: number | readonly SetElement[],
    timestamp: number,
  ): Promise<boolean> {
    if (this.#closed !== undefined) return this.refuse("closed");
    return this.#record(context, typeof value === "number" ? value : JSON.stringify(value), `${timestamp}`);
  }

  log(text: string, at: number): Promise<boolean> {
    if (this.#closed !== undefined) return this.refuse("closed");
    this.counters.accepted++;
    return this.#outbox.addText(this.#textQueue("logs"), text, this.#clock.seconds(at));
  }

  text(queue: "events" | "checks", text: string, at: number): Promise<boolean> {
    if (this.#closed) return this.refuse("closed");
    this.counters.accepted++;
    return this.#outbox.addText(this.#textQueue(queue), text, this.#clock.seconds(at));
  }

  /** Records a call without aggregation. */
  #record(given: MetricContext, value: number | string, givenTime: string | undefined): Promise<boolean> {
    const now = Date.now();
    const timestamp = givenTime ?? this.#clock.seconds(now);
    const context = this.#aggregator.admit(given, now);
    this.counters.accepted++;
    return this.#outbox.addMetric(this.#metricQueue(context), context, value, timestamp);
  }

  #metricQueue(context: MetricContext): string {
    return this.#shards === undefined ? queues.rawMetrics : this.#shards.metrics(context);
  }

  #textQueue(kind: "logs" | "events" | "checks"): string {
    return this.#shards === undefined ? queues[kind] : this.#shards.texts(kind, this.#isOpen);
  }

  refuse(reason: Refusal, message?: string): Promise<boolean> {
    this.events.onCallRefused(reason, message);
    return REFUSED;
  }

  /** True once all buffered and spilled records are stored or dropped, false if `timeoutMs` passes first. */
  async flush(timeoutMs: number): Promise<boolean> {
    return await endsWithin(timeoutMs, this.#closed ?? this.#sendAll());
  }

  /**
   * Sends all buffered records within `timeoutMs`; the rest is spilled, or dropped without a spill. Repeated calls wait for
   * the first, with its timeout.
   */
  close(timeoutMs: number): Promise<void> {
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  async #close(timeoutMs: number): Promise<void> {
    await endsWithin(timeoutMs, this.#sendAll());
    this.#removeExitHooks();
    this.#onExit();
    this.#senders.close();
    this.events.connected = false;
    const left = this.#outbox.dropAll();
    if (left > 0) this.events.onDropped("closed", left);
  }

  get isAtCardinalityLimit(): boolean {
    return this.#aggregator.isAtCardinalityLimit(Date.now());
  }

  get stats(): ClientStats {
    const { dropped, refused, ...counts } = this.counters;
    const { connected, lastError, lastStored } = this.events;
    return {
      ...counts,
      spilled: this.#spill?.records ?? 0,
      buffered: this.#outbox.records + this.#aggregator.pending,
      dropped: { ...dropped },
      refused: { ...refused },
      connected,
      ...(lastError === undefined ? {} : { lastError }),
      ...(lastStored === undefined ? {} : { lastStored: new Date(lastStored) }),
    };
  }

  get #isEmpty(): boolean {
    return this.#outbox.isEmpty() && this.#aggregator.pending === 0 && (this.#spill?.isEmpty ?? true);
  }

  /** Resolves when everything is sent; undefined if nothing waits. */
  #sendAll(): Promise<void> | undefined {
    this.#aggregator.flush();
    if (this.#isEmpty) return undefined;
    this.#senders.flushNow();
    return this.#senders.emptied();
  }

  #onBeforeExit(): void {
    const { exitTimeout } = this.#settings;
    if (this.#isEmpty) return;
    if (exitTimeout === 0 || this.#exitTriedAt === this.counters.accepted) {
      this.#stopWaiting();
      return;
    }
    this.#exitTriedAt = this.counters.accepted;
    void this.flush(exitTimeout);
  }

  /** Resolves pending calls, so that a program with a top-level await continues instead of exiting with code 13. */
  #stopWaiting(): void {
    this.#aggregator.flush();
    // Another turn of the event loop, after which `beforeExit` may come again.
    if (this.#outbox.answerAllFalse()) holdProcess(0, () => {});
  }

  #onExit(): void {
    this.#aggregator.flush();
    this.#spillPolicy?.takeAll();
  }
}

/** True once the promise has resolved, false if `timeoutMs` passes first. Keeps the process alive meanwhile. */
async function endsWithin(timeoutMs: number, end: Promise<void> | undefined): Promise<boolean> {
  if (end === undefined) return true;
  let timer: Timer | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = holdProcess(timeoutMs, () => resolve(false));
  });
  try {
    return await Promise.race([end.then(() => true), timeout]);
  } finally {
    stopTimer(timer);
  }
}
