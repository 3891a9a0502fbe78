/**
 * DogStatsD: the agent receives metrics, events and checks from statsd and DogStatsD clients.
 *
 * The files in the order in which a packet passes through them: udp-socket.ts, stream-socket.ts, unix-datagrams.ts (bytes),
 * receiver.ts (lines), metric-line.ts (parsing), series-lookup.ts and metric-intake.ts (calls, aggregated for a second),
 * outbox.ts (records in the store).
 *
 * Promises: nothing that is received can crash the agent, and a socket that can't be opened doesn't prevent the start. What was
 * received is stored once. It loses what the kernel drops and, if the process is killed, the last second.
 */
import type { StatsdAddress } from "../../runtime/address.js";
import type { Clock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { Outage } from "../../runtime/outage.js";
import { printable } from "../../runtime/printable.js";
import { newStatsdCounters, type StatsdCounters } from "./counters.js";
import { eventTakers } from "./event-takers.js";
import { KeptSocket, type StatsdSocketStatus } from "./kept-socket.js";
import { MetricIntake } from "./metric-intake.js";
import { removeOldMarkers } from "./outbox.js";
import { openOutboxes, type StatsdTarget } from "./outboxes.js";
import { Receiver } from "./receiver.js";
import type { OpenSocket } from "./sockets.js";
import { openStreamSocket } from "./stream-socket.js";
import { openUdpSocket } from "./udp-socket.js";
import { openInherited, openUnixDatagrams } from "./unix-datagrams.js";

interface StatsdOptions {
  readonly addresses: readonly StatsdAddress[];
  /** Whether to try again if a socket can't be opened. Not for the default port: the program that uses it may only be restarting. */
  readonly retries: boolean;
  /** Whether the container that a line came from becomes tags. */
  readonly withOrigin: boolean;
  /** Whether every signed gauge is a step. */
  readonly signedGaugesAreSteps: boolean;
  /** One store, or the shards in their order. */
  readonly targets: readonly [StatsdTarget, ...StatsdTarget[]];
  readonly clock: Clock;
  readonly log: Log;
}

export interface StatsdStatus {
  readonly sockets: readonly StatsdSocketStatus[];
  readonly counters: Readonly<StatsdCounters>;
  /** The last invalid line, made printable; undefined if there was none. */
  readonly lastInvalid?: { readonly line: string; readonly reason: string } | undefined;
}

interface RunningStatsd {
  readonly outages: readonly Outage[];
  status(): Promise<StatsdStatus>;
  /** Stops listening and stores what was received, within a time limit. */
  close(): Promise<void>;
}

const CARDINALITY_LIMIT = 2_000;

/** Resolves when every socket is open or has failed. */
export async function startStatsd(options: StatsdOptions): Promise<RunningStatsd> {
  const { targets, clock, log } = options;
  const counters = newStatsdCounters();
  const storeOutage = new Outage("DogStatsD records", clock, log, "failing");
  const outboxes = openOutboxes(targets, { clock, counters, outage: storeOutage });
  // If it fails, a later start removes them.
  for (const { store } of targets) removeOldMarkers(store, clock).catch(() => {});
  const metrics = new MetricIntake({
    counters,
    cardinalityLimit: CARDINALITY_LIMIT,
    withOrigin: options.withOrigin,
    signedGaugesAreSteps: options.signedGaugesAreSteps,
    store: outboxes.addMetric,
  });
  const receiver = new Receiver(counters, {
    metric: (line, now) => metrics.take(line, now),
    ...eventTakers({ counters, withOrigin: options.withOrigin, clock, add: outboxes.add }),
  });
  const sockets = options.addresses.map(
    (address) =>
      new KeptSocket({
        address,
        clock,
        log,
        retries: options.retries,
        open: () => open(address, receiver, counters),
      }),
  );
  await Promise.all(sockets.map((socket) => socket.start()));
  return {
    outages: [storeOutage, ...sockets.map(({ outage }) => outage)],
    status: async () => ({
      sockets: await Promise.all(sockets.map((socket) => socket.status())),
      counters: { ...counters },
      lastInvalid: invalidLine(receiver),
    }),
    close: async () => {
      await Promise.all(sockets.map((socket) => socket.close()));
      metrics.flush();
      await outboxes.close();
    },
  };
}

function invalidLine({ lastInvalid }: Receiver): StatsdStatus["lastInvalid"] {
  return lastInvalid && { line: printable(lastInvalid.line), reason: lastInvalid.reason };
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
