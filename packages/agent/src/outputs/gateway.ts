/**
 * The gateway outputs: ready records are written to the queues of another agent's broker, which sends them to Datadog.
 *
 * A record gets its host and has all its tags. Its id there consists of its own id and its store's. So the other agent can
 * distinguish it from its own records, and a record that is sent again replaces itself.
 *
 * Promises: a record is accepted once, whatever is killed or cut off: see gateway-session.ts.
 */
import { queueNames } from "@chouette-iot/queue";
import type { BrokerAddress } from "@chouette-iot/queue/resp/address";
import {
  type EventRecord,
  encodeReadyMetric,
  encodeReadySketch,
  messageOf,
  type ReadyMetric,
  type ReadySketch,
  type ReceivedLog,
  type ServiceCheck,
} from "@chouette-iot/record";
import { forwardedId } from "../runtime/ready-ids.js";
import { GatewaySession } from "./gateway-session.js";
import type { Outputs } from "./open-outputs.js";
import { type Output, type Resumed, tryEncode, unavailable } from "./output.js";
import { MAX_RECEIPT_LENGTH, readReceipt, writeReceipt } from "./receipt.js";

export interface GatewayOptions {
  readonly address: BrokerAddress;
  /** The current host name: a device may get its name late at boot. */
  hostName(): string;
}

/** Below the limits of a transaction in an embedded broker. */
const MAX_RECORDS = 1_000;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const MAX_VALUE_BYTES = 2 * 1024 * 1024;

export function openGateway({ address, hostName }: GatewayOptions): Outputs {
  const session = new GatewaySession(address);
  const queues = queueNames();
  return {
    metrics: gatewayOutput<ReadyMetric>(session, queues.readyMetrics, (metric) =>
      encodeReadyMetric({ ...metric, host: metric.host ?? hostName() }),
    ),
    logs: gatewayOutput<ReceivedLog>(session, queues.logs, (log) =>
      JSON.stringify({ ...log, host: log.host ?? hostName() }),
    ),
    events: gatewayOutput<EventRecord>(session, queues.events, (event) =>
      JSON.stringify({ ...event, host: event.host ?? hostName() }),
    ),
    checks: gatewayOutput<ServiceCheck>(session, queues.checks, (check) =>
      JSON.stringify({ ...check, host_name: check.host_name ?? hostName() }),
    ),
    sketches: gatewayOutput<ReadySketch>(session, queues.sketches, (sketch) =>
      encodeReadySketch({ ...sketch, host: sketch.host ?? hostName() }),
    ),
  };
}

/** @param encode returns the stored text of a record; undefined if JSON can't represent it */
function gatewayOutput<T>(
  session: GatewaySession,
  queue: string,
  encode: (record: T) => string | undefined,
): Output<T> {
  let sender = "";
  return {
    resume: async (store, signal): Promise<Resumed> => {
      sender = store;
      try {
        const receipt = await session.resume(store, queue, signal);
        return { kind: "resumed", accepted: receipt === null ? [] : readReceipt(receipt) };
      } catch (error) {
        return unavailable(messageOf(error), { answered: false });
      }
    },
    send: async (batch, signal, places = []) => {
      const encoded = tryEncode(() => batch.map((record) => storable(encode(record))));
      if (!encoded.ok) return encoded.outcome;
      const values = encoded.value;
      const size = values.reduce((sum, value) => sum + Buffer.byteLength(value), 0);
      const receipt = writeReceipt(places);
      const parts = Math.ceil(
        Math.max(batch.length / MAX_RECORDS, size / MAX_BATCH_BYTES, receipt.length / MAX_RECEIPT_LENGTH),
      );
      if (parts > 1) {
        const reason = `${batch.length} records of ${size} bytes don't fit into a transaction`;
        return { kind: "too-large", reason, parts, foundBy: "output", bytes: 0 };
      }
      const ids = places.map(({ id }) => forwardedId(id, sender));
      const outcome = await session.store(
        {
          queue,
          receipt,
          commands: [
            ["ZADD", `${queue}.keys`, ...ids.flatMap((id, index) => [`${places[index]?.score}`, id])],
            ["HSET", `${queue}.values`, ...ids.flatMap((id, index) => [id, values[index] ?? ""])],
          ],
        },
        signal,
      );
      const { bytes } = outcome;
      if (outcome.kind === "stored") return { kind: "delivered", bytes };
      return unavailable(outcome.reason, { answered: outcome.kind === "refused", bytes });
    },
    check: async () => ({ kind: "delivered", bytes: 0 }),
    close: async () => session.close(),
  };
}

function storable(value: string | undefined): string {
  if (value === undefined) throw new Error("JSON can't represent it");
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES)
    throw new Error(`it has more than ${MAX_VALUE_BYTES} bytes`);
  return value;
}
