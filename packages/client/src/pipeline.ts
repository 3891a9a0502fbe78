/**
 * The pipeline: what a client and its children share, wired here and nowhere else.
 *
 *   call → contexts → record text → outbox → sender → broker
 */
import { queueNames } from "@chouette-iot/queue";
import { Contexts } from "./contexts.js";
import { Counters, type Drop, type Refusal } from "./counters.js";
import { newClientId } from "./ids.js";
import type { Settings } from "./options.js";
import { Outbox } from "./outbox.js";
import { beforeExit } from "./process-end.js";
import { ClockText } from "./record-text.js";
import { Sender } from "./sender.js";
import { type LastError, Watch } from "./watch.js";

/** What a client did so far. accepted = stored + buffered + the sum of dropped. */
export interface ClientStats {
  /** Records that were taken from calls. */
  readonly accepted: number;
  /** Records that the broker said it has stored. */
  readonly stored: number;
  /** Records that wait in memory, those under way included. */
  readonly buffered: number;
  /** Accepted records that were let go, by reason. */
  readonly dropped: Readonly<Record<Drop, number>>;
  /** Calls that were not accepted, by reason. */
  readonly refused: Readonly<Record<Refusal, number>>;
  readonly connected: boolean;
  /** How often a connection that was there has ended. */
  readonly disconnections: number;
  /** The last trouble, which may be over. */
  readonly lastError?: LastError;
  /** When the broker last said that it stored something. */
  readonly lastStored?: Date;
}

const REFUSED = Promise.resolve(false);
const queues = queueNames();

export class Pipeline {
  readonly contexts = new Contexts();
  readonly counters = new Counters();
  readonly clock = new ClockText();
  readonly watch = new Watch(this.counters);
  readonly #settings: Settings;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #forget: () => void;
  /** How many records were accepted when the last exit was held up: with no more since, the next is not. */
  #exitTriedAt = -1;
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    const clientId = newClientId();
    this.#outbox = new Outbox(settings, clientId, {
      onWaiting: (full) => this.#sender.wake(full),
      onFull: (records) => this.watch.onDropped("buffer_full", records),
    });
    this.#sender = new Sender(settings, clientId, this.#outbox, this.watch);
    this.#forget = beforeExit(() => this.#onBeforeExit());
  }

  /** @param timestamp seconds since the epoch, as text */
  storeMetric(text: string, timestamp: string): Promise<boolean> {
    if (this.#closed) return this.refuse("closed");
    this.counters.accepted++;
    return this.#outbox.add(queues.rawMetrics, text, timestamp);
  }

  refuse(reason: Refusal): Promise<boolean> {
    this.counters.refused[reason]++;
    return REFUSED;
  }

  /** True when all that was buffered is stored or dropped, false where `timeoutMs` passed first. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#outbox.isEmpty) return true;
    this.#sender.hurry();
    let timer: NodeJS.Timeout | undefined;
    // This timer alone keeps the process alive, and no longer than it was asked to.
    const timeout = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, false);
    });
    try {
      return await Promise.race([this.#outbox.settled().then(() => true), timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends what is buffered, for at most `timeoutMs`; what is left then is dropped. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    await this.flush(timeoutMs);
    this.#sender.close();
    const left = this.#outbox.dropAll();
    if (left > 0) this.watch.onDropped("closed", left);
  }

  get stats(): ClientStats {
    const { accepted, stored, disconnections, dropped, refused } = this.counters;
    const { connected, lastError, lastStored } = this.watch;
    return {
      accepted,
      stored,
      buffered: this.#outbox.records,
      dropped: { ...dropped },
      refused: { ...refused },
      connected,
      disconnections,
      ...(lastError === undefined ? {} : { lastError }),
      ...(lastStored === undefined ? {} : { lastStored: new Date(lastStored) }),
    };
  }

  #onBeforeExit(): Promise<void> | undefined {
    if (
      this.#exitTriedAt === this.counters.accepted ||
      this.#outbox.isEmpty ||
      this.#settings.exitTimeout === 0
    )
      return undefined;
    this.#exitTriedAt = this.counters.accepted;
    return this.flush(this.#settings.exitTimeout).then(() => {});
  }
}
