/** Stores random records in every queue, as any client could, in batches on one connection. */
import { queueNames } from "@chouette-iot/queue";
import { pick, type Random } from "../support/random.js";
import { connectRaw, requestOf } from "../support/raw-redis.js";
import { until } from "../support/until.js";
import { anyJson, anyObject, bytesOf, type Grammar, objectOf, oneOf, times } from "./json-grammar.js";

const queues = queueNames();
const TYPES = ["count", "gauge", "rate", "set", "histogram", "distribution"] as const;
const RECORDS_IN_BATCH = 20;
/** Number of distinct metrics and tags: few, so that records of all kinds meet in one context. */
const NAMES = 6;

const name: Grammar = (random) => `"fuzz.${Math.floor(random() * NAMES)}"`;
const now = () => Date.now() / 1000;
const time: Grammar = (random) => `${now() - random() * 20}`;
const plain: Grammar = (random) => `${Math.floor(random() * 100)}`;
const listOfTags: Grammar = (random) =>
  `[${times(random, 3, () => `"zone:${Math.floor(random() * NAMES)}"`).join()}]`;

const rawMetric: Grammar = (random) => {
  const type = oneOf(random, TYPES);
  return objectOf(random, {
    metric: name,
    type: () => `"${type}"`,
    value: type === "set" ? () => `[${times(random, 3, () => anyJson(random, 3)).join()}]` : plain,
    timestamp: time,
    tags: (own) => (own() < 0.8 ? `{"zone":"${Math.floor(own() * NAMES)}"}` : anyObject(own)),
  });
};

const readyMetric: Grammar = (random) =>
  objectOf(random, {
    metric: name,
    type: (own) => oneOf(own, ['"count"', '"gauge"', '"rate"', '"distribution"', '"sketch"']),
    tags: listOfTags,
    points: (own) =>
      `[${times(own, 3, () => `[${time(own)},${own() < 0.8 ? plain(own) : anyJson(own)}]`).join()}]`,
    interval: (own) => oneOf(own, ["10", "1", "null"]),
    host: () => '"device"',
  });

const log: Grammar = (random) =>
  objectOf(random, {
    date: () => JSON.stringify(new Date()),
    ddsource: () => '"node"',
    service: () => '"fuzz"',
    ddtags: listOfTags,
    level: (own) => oneOf(own, ['"INFO"', '"ERROR"', '"debug"']),
    message: (own) => `{"msg":${anyJson(own)}}`,
  });

const deadLetter: Grammar = (random) =>
  objectOf(random, {
    queue: () => `"${queues.rawMetrics}"`,
    reason: () => '"fuzz"',
    value: (own) => anyJson(own),
  });

const CONTENT: readonly (readonly [weight: number, content: readonly [queue: string, grammar: Grammar]])[] = [
  [12, [queues.rawMetrics, rawMetric]],
  [4, [queues.readyMetrics, readyMetric]],
  [4, [queues.logs, log]],
  [1, [queues.rejected, deadLetter]],
];

/** Ids that are easily confused, or that a store may not handle. */
function idOf(random: Random, number: number): Buffer {
  return pick<() => Buffer>(random, [
    [90, () => Buffer.from(`fuzz-${number}`)],
    [2, () => Buffer.from("again")],
    [2, () => Buffer.concat([Buffer.from(`${number}`), Buffer.alloc(80, Math.floor(random() * 6))])],
    [2, () => Buffer.concat([Buffer.from(`${number}`), Buffer.of(0xff, 0x00, 0xfe)])],
    [2, () => Buffer.from(`${number}`.padEnd(1024, "x"))],
    [1, () => Buffer.from(`${number}`.padEnd(2_000, "é"))],
    [1, () => Buffer.from(oneOf(random, ["", "__proto__", "bytes:", "bytes:AAAA", "\n"]))],
  ])();
}

const SCORES = [
  "0",
  "-0",
  "-1",
  "inf",
  "-inf",
  "nan",
  "x",
  "1e-300",
  "1e300",
  "-1e308",
  "9e9",
  "1763800000.123456789",
];

function scoreOf(random: Random): string {
  return pick<() => string>(random, [
    [96, () => `${now() - random() * 5}`],
    [4, () => oneOf(random, SCORES)],
  ])();
}

/** A transaction that stores one record, or only its id or its value. */
export function storingOf(random: Random, number: number): Buffer {
  const [queue, grammar] = pick(random, CONTENT);
  const id = idOf(random, number);
  const half = random();
  return Buffer.concat([
    requestOf(["MULTI"]),
    ...(half < 0.02 ? [] : [requestOf(["ZADD", `${queue}.keys`, scoreOf(random), id])]),
    ...(half > 0.98 ? [] : [requestOf(["HSET", `${queue}.values`, id, bytesOf(random, grammar(random))])]),
    requestOf(["EXEC"]),
  ]);
}

/** Stores until it is stopped. Resolves with how many records it sent. */
export function startRecordFuzzer(port: number, random: Random): { stop(): Promise<number> } {
  let isStopped = false;
  let sent = 0;
  const storing = (async () => {
    const client = await connectRaw(port, "latin1");
    let rounds = 0;
    while (!isStopped) {
      for (let record = 0; record < RECORDS_IN_BATCH; record++) client.send(storingOf(random, sent++));
      const end = `round ${rounds++}`;
      client.send(requestOf(["ECHO", `${end}.`]));
      await until(`the broker to answer ${end}`, () => client.received().endsWith(`${end}.\r\n`), 60_000);
    }
    client.socket.destroy();
  })();
  // Awaited by `stop`; until then a rejection must not be unhandled.
  storing.catch(() => {});
  return {
    stop: async () => {
      isStopped = true;
      await storing;
      return sent;
    },
  };
}
