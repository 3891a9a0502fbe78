/**
 * Stores malformed raw records continuously among the good ones: each must become a dead letter, unchanged and with the
 * right reason.
 *
 * They name the metrics that the applications count, so one that is used nevertheless breaks a sum.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { queueNames } from "@chouette-iot/queue";
import { createClient } from "@redis/client";
import { pick, type Random } from "../support/random.js";
import type { SetAside } from "./ledger.js";

export interface Malformed {
  readonly id: string;
  /** Undefined if an id was stored alone. */
  readonly value: string | undefined;
  /** What the reason must contain. */
  readonly reason: string;
  /** Whether the broker has confirmed it; otherwise the record may be stored or not. */
  readonly isStored: boolean;
}

export interface MalformedWriter {
  /** Resolves with all records that it tried to store. */
  stop(): Promise<readonly Malformed[]>;
}

interface Shape {
  readonly parts: "both" | "id alone" | "value alone";
  /** Its JSON for a time in seconds. */
  readonly text: (now: number) => string;
  readonly reason: string;
}

const { rawMetrics } = queueNames();
const PAUSE_MS = 25;

/** A count that is valid except for these fields; undefined omits a field. */
function spoiled(fields: Readonly<Record<string, unknown>>): Shape["text"] {
  const count = { metric: "fire.count", type: "count", value: 1_000, tags: { zone: "z0" } };
  return (now) => JSON.stringify({ ...count, timestamp: now, ...fields });
}

const both = (text: Shape["text"], reason: string): Shape => ({ parts: "both", text, reason });

const SHAPES: readonly Shape[] = [
  both(() => "no JSON", "not JSON"),
  // As Python's json writes it.
  both((now) => spoiled({ value: "?" })(now).replace('"?"', "NaN"), 'should be a number, but is "NaN"'),
  both((now) => spoiled({})(now).slice(0, -1), "not JSON"),
  both((now) => spoiled({ value: "?" })(now).replace('"?"', "1e999"), "value should be"),
  both(() => "[]", "should be a JSON object"),
  both(() => "null", "should be a JSON object"),
  both(spoiled({ metric: undefined }), "metric should be"),
  both(spoiled({ type: undefined }), "type should be"),
  both(spoiled({ type: "counter" }), "type should be"),
  both(spoiled({ value: undefined }), "value should be"),
  both(spoiled({ value: null }), "value should be"),
  both(spoiled({ metric: "fire.set", type: "set", value: 7 }), "value should be"),
  both(spoiled({ timestamp: undefined }), "timestamp should be"),
  both(spoiled({ timestamp: "now" }), "timestamp should be"),
  both(spoiled({ tags: ["zone:z0"] }), "tags should be"),
  { parts: "id alone", text: spoiled({}), reason: "an id without a value" },
  { parts: "value alone", text: spoiled({}), reason: "a value whose id has no time" },
];

type RedisConnection = ReturnType<typeof reconnecting>;

function reconnecting(port: number) {
  const socket = { host: "127.0.0.1", port, reconnectStrategy: 100 } as const;
  return createClient({ RESP: 2, disableOfflineQueue: true, socket });
}

export function startMalformedWriter(port: number, random: Random): MalformedWriter {
  const connection = reconnecting(port);
  connection.on("error", () => {});
  connection.connect().catch(() => {});
  const tried: Malformed[] = [];
  let isStopped = false;
  const writing = (async () => {
    while (!isStopped) {
      tried.push(await storeOne(connection, `malformed-${tried.length}`, random));
      await sleep(PAUSE_MS);
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await writing;
      connection.destroy();
      return tried;
    },
  };
}

/** Tried only once: a retry could store a record again that the agent has taken meanwhile. */
async function storeOne(connection: RedisConnection, id: string, random: Random): Promise<Malformed> {
  const { parts, text, reason } = pick(
    random,
    SHAPES.map((shape) => [1, shape] as const),
  );
  const now = Date.now() / 1000;
  const value = text(now);
  const multi = connection.multi();
  if (parts !== "value alone") multi.addCommand(["ZADD", `${rawMetrics}.keys`, `${now}`, id]);
  if (parts !== "id alone") multi.addCommand(["HSET", `${rawMetrics}.values`, id, value]);
  const isStored = await multi.exec().then(
    () => true,
    () => false,
  );
  return { id, value: parts === "id alone" ? undefined : value, reason, isStored };
}

/** @returns the number of those stored, and the differences among all dead letters of the raw queue */
export function checkMalformed(tried: readonly Malformed[], setAside: readonly SetAside[]) {
  const found = new Map(
    setAside.filter(({ queue }) => queue === rawMetrics).map((entry) => [entry.id, entry]),
  );
  const differences: string[] = [];
  let stored = 0;
  for (const { id, value, reason, isStored } of tried) {
    const rejected = found.get(id);
    found.delete(id);
    if (rejected !== undefined) stored += 1;
    else if (isStored) differences.push(`${id} was not set aside: ${value}`);
    if (rejected !== undefined && (rejected.value !== (value ?? null) || !rejected.reason.includes(reason)))
      differences.push(`${id} was ${value}, but set aside as ${rejected.value}: ${rejected.reason}`);
  }
  for (const { id, value, reason } of found.values())
    differences.push(`${id} was set aside, which is not malformed: ${value}: ${reason}`);
  return { differences, stored };
}
