/**
 * DogStatsD: the agent takes what statsd and DogStatsD clients send.
 *
 * What happens to a packet, in order: udp-socket.ts, stream-socket.ts, unix-datagrams.ts (bytes), receiver.ts (lines), metric-line.ts
 * (meaning), series-lookup.ts and metric-intake.ts (calls, joined for a second), outbox.ts (records in the store).
 *
 * Promises: nothing that arrives ends the agent, and no socket that can't be opened keeps it from starting. What was read
 * is stored once. It loses what the kernel drops, and what was read within the last second if the process is killed.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { milliseconds } from "@chouette-iot/record";
import { isLoopback, type StatsdAddress, shownStatsdAddress } from "../../runtime/address.js";
import type { Clock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { Outage } from "../../runtime/outage.js";
import { printable } from "../../runtime/printable.js";
import { newStatsdCounters, type StatsdCounters } from "./counters.js";
import { eventTakers } from "./event-takers.js";
import { MetricIntake } from "./metric-intake.js";
import { removeOldMarkers, StatsdOutbox } from "./outbox.js";
import { Receiver } from "./receiver.js";
import type { OpenSocket } from "./sockets.js";
import { openStreamSocket } from "./stream-socket.js";
import { openUdpSocket } from "./udp-socket.js";
import { openInherited, openUnixDatagrams } from "./unix-datagrams.js";

export interface StatsdOptions {
  readonly addresses: readonly StatsdAddress[];
  /** Whether an address that is taken is tried again: another program's port must not be snatched from it at its restart. */
  readonly retries: boolean;
  readonly withOrigin: boolean;
  readonly signedGaugesAreSteps: boolean;
  readonly store: Store;
  readonly queues: QueueNames;
  readonly clock: Clock;
  readonly log: Log;
}

export interface StatsdSocketStatus {
  readonly address: string;
  /** Why it isn't open; undefined if it is. */
  readonly error?: string;
  /** Undefined for streams, and on systems that don't say. */
  readonly kernelDrops?: number;
}

export interface StatsdStatus {
  readonly sockets: readonly StatsdSocketStatus[];
  readonly counters: Readonly<StatsdCounters>;
  /** The last line that couldn't be read, made printable; undefined if there was none. */
  readonly lastInvalid?: { readonly line: string; readonly reason: string };
}

export interface RunningStatsd {
  readonly outages: readonly Outage[];
  status(): Promise<StatsdStatus>;
  /** Stops listening and stores what was read, for as long as the store takes it. */
  close(): Promise<void>;
}

const CARDINALITY_LIMIT = 2_000;
const RETRY = milliseconds(10_000);

/** Resolves once every socket is open or was tried. */
export async function startStatsd(options: StatsdOptions): Promise<RunningStatsd> {
  const { store, queues, clock, log } = options;
  const counters = newStatsdCounters();
  const storeOutage = new Outage("DogStatsD records", clock, log, "failing");
  const outbox = new StatsdOutbox({ store, clock, counters, outage: storeOutage });
  // Those that stay are removed at another start.
  removeOldMarkers(store, clock).catch(() => {});
  const metrics = new MetricIntake({
    counters,
    cardinalityLimit: CARDINALITY_LIMIT,
    withOrigin: options.withOrigin,
    signedGaugesAreSteps: options.signedGaugesAreSteps,
    store: (text, score) => outbox.add(queues.rawMetrics, text, score),
  });
  const receiver = new Receiver(counters, {
    metric: (line, now) => metrics.take(line, now),
    ...eventTakers({ counters, withOrigin: options.withOrigin, clock, outbox, queues }),
  });
  const sockets = options.addresses.map(
    (address) => new KeptSocket(address, options, () => open(address, receiver, counters)),
  );
  await Promise.all(sockets.map((socket) => socket.start()));
  return {
    outages: [storeOutage, ...sockets.map(({ outage }) => outage)],
    status: async () => ({
      sockets: await Promise.all(sockets.map((socket) => socket.status())),
      counters: { ...counters },
      ...invalidLine(receiver),
    }),
    close: async () => {
      await Promise.all(sockets.map((socket) => socket.close()));
      metrics.flush();
      await outbox.close();
    },
  };
}

function invalidLine({ lastInvalid }: Receiver): Pick<StatsdStatus, "lastInvalid"> {
  if (lastInvalid === undefined) return {};
  return { lastInvalid: { line: printable(lastInvalid.line), reason: lastInvalid.reason } };
}

async function open(
  address: StatsdAddress,
  receiver: Receiver,
  counters: StatsdCounters,
): Promise<OpenSocket> {
  const receive = (packet: Buffer, length = packet.length) => receiver.receive(packet, length);
  switch (address.kind) {
    case "udp":
      return openUdpSocket({ host: address.host, port: address.port }, receive);
    case "tcp":
      return openStreamSocket({ kind: "tcp", host: address.host, port: address.port }, receive, counters);
    case "unixstream":
      return openStreamSocket({ kind: "unixstream", path: address.path }, receive, counters);
    case "unixgram":
      return openUnixDatagrams(address.path, receive);
    case "descriptor":
      return openInherited(address.fd, receive);
    default:
      return address satisfies never;
  }
}

/** A socket that is opened, and opened again if it breaks. */
class KeptSocket {
  readonly outage: Outage;
  readonly #address: StatsdAddress;
  readonly #options: StatsdOptions;
  readonly #open: () => Promise<OpenSocket>;
  readonly #closing = new AbortController();
  #current: OpenSocket | undefined;
  #error: string | undefined;
  #kept: Promise<void> | undefined;

  constructor(address: StatsdAddress, options: StatsdOptions, open: () => Promise<OpenSocket>) {
    this.#address = address;
    this.#options = options;
    this.#open = open;
    this.outage = new Outage(`DogStatsD ${shownStatsdAddress(address)}`, options.clock, options.log);
  }

  /** Resolves after the first try. */
  async start(): Promise<void> {
    const isOpen = await this.#tryOpen();
    if (!isOpen && !this.#options.retries) {
      const advice = "set CHOUETTE_STATSD to another address, or to off";
      this.#options.log.warn(`DogStatsD isn't received: ${this.#error}; ${advice}`);
      return;
    }
    this.#kept = this.#keep();
  }

  async status(): Promise<StatsdSocketStatus> {
    const address = this.#current?.shown ?? shownStatsdAddress(this.#address);
    const kernelDrops = await this.#current?.kernelDrops();
    return {
      address,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(kernelDrops === undefined ? {} : { kernelDrops }),
    };
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
      this.#error = messageOf(error);
    }
  }

  async #tryOpen(): Promise<boolean> {
    try {
      this.#current = await this.#open();
      this.#error = undefined;
      this.#options.log.info({ listen: this.#current.shown }, "DogStatsD listening");
      if (this.#address.kind === "udp" || this.#address.kind === "tcp") this.#warnOfOpenPort(this.#address);
      // It may have been closed while it was opened.
      if (this.#closing.signal.aborted) await this.#current.close();
      return true;
    } catch (error) {
      this.#error = messageOf(error);
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

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isTaken = "code" in error && error.code === "EADDRINUSE";
  return isTaken ? `${error.message} (taken by another program)` : error.message;
}
