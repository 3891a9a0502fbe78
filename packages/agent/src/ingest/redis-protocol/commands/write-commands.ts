/**
 * Commands that store records and clients' markers, and GET and MGET for markers.
 *
 * ZADD and HSET count an id that is stored again as new: to distinguish it would take a read from the disk per record.
 */
import { MAX_ID_BYTES } from "@chouette-iot/queue";
import { seconds } from "@chouette-iot/record";
import { fromStoredValue, toStoredId, toStoredValue } from "../byte-text.js";
import { MAX_MARKER_LENGTH, MAX_OF_CONNECTION } from "../client-markers.js";
import { type Call, type CommandResult, lookup } from "../command.js";
import { isMarkerKey } from "../queue-keys.js";
import { type Failure, failure, list, OK, quote } from "../reply.js";
import { parseScore } from "../score.js";

const ZADD_OPTIONS: ReadonlySet<string> = new Set(["NX", "XX", "GT", "LT", "CH", "INCR"]);

/** ZADD key score id [score id …] */
export function zadd(args: readonly string[], { broker, batch }: Call): CommandResult {
  const queue = broker.keys.toWrite(args[1] ?? "", "keys");
  if (typeof queue !== "string") return queue;
  const option = args[2]?.toUpperCase() ?? "";
  if (ZADD_OPTIONS.has(option)) return failure(`ERR Chouette's broker doesn't support ZADD with ${option}`);
  if (args.length % 2 !== 0) return failure("ERR syntax error");
  for (let at = 2; at < args.length; at += 2) {
    const score = parseScore(args[at] ?? "");
    if (score === undefined) return failure("ERR value is not a valid float");
    const id = toStoredId(args[at + 1] ?? "");
    if (id === undefined) return BAD_ID;
    batch.draft(queue, id).score = score;
  }
  return args.length / 2 - 1;
}

/** HSET key id value [id value …] */
export function hset(args: readonly string[], { broker, batch }: Call): CommandResult {
  const queue = broker.keys.toWrite(args[1] ?? "", "values");
  if (typeof queue !== "string") return queue;
  if (args.length % 2 !== 0)
    return failure(`ERR wrong number of arguments for '${args[0]?.toLowerCase()}' command`);
  for (let at = 2; at < args.length; at += 2) {
    const id = toStoredId(args[at] ?? "");
    if (id === undefined) return BAD_ID;
    batch.draft(queue, id).value = toStoredValue(args[at + 1] ?? "");
  }
  return args.length / 2 - 1;
}

/** As HSET, with the reply of Redis. */
export function hmset(args: readonly string[], call: Call): CommandResult {
  const stored = hset(args, call);
  return typeof stored === "number" ? OK : stored;
}

const BAD_ID = failure(
  `ERR an id is 1 to ${MAX_ID_BYTES} bytes of UTF-8 without control characters, or any bytes, a quarter fewer`,
);

const MAX_LIFETIME = seconds(31 * 86_400);

/** SET chouette:client:NAME text EX seconds */
export function setMarker(args: readonly string[], { session, batch }: Call): CommandResult {
  const [, key = "", argument = "", option, lifetime = "", ...others] = args;
  if (!isMarkerKey(key)) return notAMarker(key);
  if (option?.toUpperCase() !== "EX" || others.length > 0)
    return failure("ERR Chouette's broker supports SET only as SET key text EX seconds");
  const expires = /^\d{1,9}$/.test(lifetime) ? Number(lifetime) : 0;
  if (expires < 1 || expires > MAX_LIFETIME)
    return failure(`ERR invalid expire time in 'set' command: 1 to ${MAX_LIFETIME} seconds`);
  const text = toStoredValue(argument);
  if (text.length > MAX_MARKER_LENGTH)
    return failure(`ERR a client's marker is at most ${MAX_MARKER_LENGTH} characters`);
  if (!session.markers.has(key) && session.markers.size >= MAX_OF_CONNECTION)
    return failure(`ERR a connection stores at most ${MAX_OF_CONNECTION} markers`);
  session.markers.add(key);
  batch.setMarker(key, { text, lifetime: seconds(expires) });
  return OK;
}

/** GET chouette:client:NAME */
export function getMarker([, key = ""]: readonly string[], { broker }: Call): CommandResult {
  if (!isMarkerKey(key)) return notAMarker(key);
  return lookup(async (store) => {
    // Requests of this client's former connection must be durable before the marker is returned.
    await store.write([]);
    const [stored] = await store.state([key]);
    const text = broker.markers.textOf(stored);
    return text === undefined ? null : fromStoredValue(text);
  });
}

/** MGET key [key …]: null for every key that isn't a client's marker, as in Redis for keys of another type. */
export function getMarkers([, ...keys]: readonly string[], { broker }: Call): CommandResult {
  return lookup(async (store) => {
    await store.write([]);
    const markers = keys.filter(isMarkerKey);
    const state = await store.state(markers);
    const texts = new Map(markers.map((key, index) => [key, broker.markers.textOf(state[index])]));
    return list(
      keys.map((key) => {
        const text = texts.get(key);
        return text === undefined ? null : fromStoredValue(text);
      }),
    );
  });
}

function notAMarker(key: string): Failure {
  return failure(`ERR ${quote(key)} is not a client's marker: Chouette's broker stores no other strings`);
}
