/** A socket that is kept open: if it can't be opened, or breaks, it is opened again. */
import { milliseconds } from "@chouette-iot/record";
import { isLoopback, type StatsdAddress, shownStatsdAddress } from "../../runtime/address.js";
import type { Clock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { Outage } from "../../runtime/outage.js";
import type { OpenSocket } from "./sockets.js";

interface KeptSocketOptions {
  readonly address: StatsdAddress;
  /** Whether to try again if the first attempt fails. */
  readonly retries: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Rejects if it can't be opened. */
  open(): Promise<OpenSocket>;
}

export interface StatsdSocketStatus {
  readonly address: string;
  /** Why it isn't open; undefined if it is. */
  readonly error?: string | undefined;
  /** Packets; undefined for streams, and on systems that don't report it. */
  readonly kernelDrops?: number | undefined;
}

const RETRY = milliseconds(10_000);

export class KeptSocket {
  readonly outage: Outage;
  readonly #options: KeptSocketOptions;
  readonly #closing = new AbortController();
  #current: OpenSocket | undefined;
  #error: string | undefined;
  #kept: Promise<void> | undefined;

  constructor(options: KeptSocketOptions) {
    const { address, clock, log } = options;
    this.#options = options;
    this.outage = new Outage(`DogStatsD ${shownStatsdAddress(address)}`, clock, log);
  }

  /** Resolves after the first attempt. */
  async start(): Promise<void> {
    const isOpen = await this.#tryOpen();
    const { retries, log } = this.#options;
    if (!isOpen && !retries) {
      const advice = "set CHOUETTE_STATSD to another address, or to off";
      log.warn(`DogStatsD is not listening: ${this.#error}; ${advice}`);
      return;
    }
    this.#kept = this.#keep();
  }

  async status(): Promise<StatsdSocketStatus> {
    const address = this.#current?.shown ?? shownStatsdAddress(this.#options.address);
    return { address, error: this.#error, kernelDrops: await this.#current?.kernelDrops?.() };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#current?.close();
    await this.#kept;
  }

  async #keep(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener("abort", () => resolve(undefined));
    });
    while (!signal.aborted) {
      if (this.#current === undefined) {
        this.outage.begin(this.#error ?? "closed");
        await clock.sleep(RETRY, signal);
        if (!signal.aborted) await this.#tryOpen();
        continue;
      }
      this.outage.end();
      const error: unknown = await Promise.race([this.#current.broken.catch((cause) => cause), aborted]);
      if (signal.aborted) return;
      await this.#current.close().catch(() => {});
      this.#current = undefined;
      this.#error = describe(error);
    }
  }

  async #tryOpen(): Promise<boolean> {
    const { address, log, open } = this.#options;
    try {
      this.#current = await open();
      this.#error = undefined;
      log.info({ listen: this.#current.shown }, "DogStatsD listening");
      if (address.kind === "udp" || address.kind === "tcp") this.#warnOfOpenPort(address);
      // `close` may have been called meanwhile.
      if (this.#closing.signal.aborted) await this.#current.close();
      return true;
    } catch (error) {
      this.#error = describe(error);
      return false;
    }
  }

  #warnOfOpenPort({ host }: { readonly host: string }): void {
    if (host === "localhost" || isLoopback(host)) return;
    this.#options.log.warn(
      `DogStatsD listens on ${host}: anybody who can reach it may send metrics; it has no password`,
    );
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isTaken = "code" in error && error.code === "EADDRINUSE";
  return isTaken ? `${error.message} (taken by another program)` : error.message;
}
