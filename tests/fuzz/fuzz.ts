/**
 * A run of the fuzzers: a real agent with a heap of 256 MB, fuzzers that send it anything, and well-behaved clients.
 *
 * Checks: every count of these clients arrives once, the agent survives and exits cleanly, the queues drain, and its
 * memory doesn't grow.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { queueNames } from "@chouette-iot/queue";
import { ChouetteClient } from "chouette-iot-client";
import { MAX_LEAD } from "../../packages/agent/src/flush/implausible-timestamps.js";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { ownRandom, type Random, seededRandom } from "../support/random.js";
import { ask } from "../support/raw-redis.js";
import { startRedis } from "../support/redis-server.js";
import type { Running } from "../support/running.js";
import { until } from "../support/until.js";
import { type StatsdSockets, startDogstatsdFuzzer } from "./dogstatsd-fuzzer.js";
import { startListenerFuzzer } from "./listener-fuzzer.js";
import { requestOf, startRecordFuzzer } from "./record-fuzzer.js";

/** "listener" are all ports at once: the embedded broker's and DogStatsD's. */
export type Target = "records, redis" | "records, embedded" | "listener, embedded" | "dogstatsd, embedded";

export interface FuzzOptions {
  readonly target: Target;
  readonly seed: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface Findings {
  /** One line each; empty if everything is right. */
  readonly differences: readonly string[];
  readonly counted: number;
  /** Number of records or connections that the fuzzer sent. */
  readonly sent: number;
  /** The agent's peak resident memory in MB, in the second quarter of the run and in the last. */
  readonly early: number;
  readonly late: number;
}

const GOOD = "good.count";
const STATSD_SOCKET = "statsd.sock";
const DRAINED_WITHIN_MS = 120_000;
/** An orphan becomes a dead letter when it is found a second time, a minute later. */
const ORPHANS_WITHIN_MS = 150_000;
/** Shorter runs don't wait for orphans of ready metrics and logs. */
const SECONDS_WITH_ORPHANS = 30;
/** Maximum number of pending raw records that are checked one by one. */
const MAX_WAITING = 500;
const MAX_SHOWN = 5;
const SAMPLE_MS = 250;
const SAYING_MS = 30_000;
/** Tolerated growth of memory in MB, for the ups and downs of garbage collection. */
const GROWTH_MB = 80;
/** Limit for a heap of 256 MB with code and buffers, in MB. */
const MAX_MB = 480;
const MEGABYTE = 1_000_000;

export async function fuzz({ target, seed, seconds, say }: FuzzOptions): Promise<Findings> {
  const random = seededRandom(seed);
  const cleanUps: (() => unknown)[] = [];
  try {
    const folder = await newFolder();
    cleanUps.push(() => folder.remove());
    const intake = await startIntake();
    cleanUps.push(() => intake.close());
    const redis = target === "records, redis" ? await startRedis(["--save", ""]) : undefined;
    cleanUps.push(() => redis?.stop());
    const agent = await startAgentProcess({
      NODE_OPTIONS: "--max-old-space-size=256",
      API_KEY: "any",
      DATADOG_URL: `${intake.url}/api`,
      DATADOG_LOGS_URL: intake.url,
      AGGREGATE_INTERVAL: "2",
      AGGREGATE_GRACE: "1",
      RELEASE_INTERVAL: "1",
      CHOUETTE_STATSD: `udp://127.0.0.1:0,tcp://127.0.0.1:0,unixstream://${join(folder.path, STATSD_SOCKET)}`,
      ...(redis === undefined
        ? {
            CHOUETTE_LISTEN: "127.0.0.1:0",
            CHOUETTE_DATA_DIR: folder.path,
            CHOUETTE_STORAGE_TYPE: "embedded",
          }
        : { REDIS_URL: redis.url }),
    });
    cleanUps.push(() => agent.end("SIGKILL"));
    const port = redis?.port ?? (await brokerPort(agent));
    const samples = sampleMemory(agent);
    cleanUps.push(() => samples.stop());
    const statsd = await statsdSockets(agent, join(folder.path, STATSD_SOCKET));
    const good = [startGoodClient(port), startGoodStream(statsd.path)];
    for (const client of good) cleanUps.push(() => client.stop());
    const fuzzers = startFuzzers(target, { port, statsd }, random);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, seconds * 1000)), agent.ended]);
    const stopped = await Promise.all(fuzzers.map((fuzzer) => fuzzer.stop())).catch((error: Error) => error);
    const counted = (await Promise.all(good.map((client) => client.stop()))).reduce(
      (sum, each) => sum + each,
    );
    say(`counted ${counted}, sent ${stopped}; draining`);
    const differences: string[] = stopped instanceof Error ? [stopped.message] : [];
    differences.push(
      ...(await untilDrained(port, agent, { withOrphans: seconds >= SECONDS_WITH_ORPHANS, say })),
    );
    const sum = () =>
      intake
        .points()
        .reduce((total, { metric, value }) => (metric === GOOD ? total + Number(value) : total), 0);
    await until("the counts to arrive", () => sum() === counted, DRAINED_WITHIN_MS / 4).catch(() => {
      differences.push(`${counted} counts were stored, and ${sum()} arrived`);
    });
    const { early, late, most } = samples.stop();
    if (late > early + GROWTH_MB) differences.push(`memory grew from ${early} to ${late} MB`);
    if (most > MAX_MB) differences.push(`memory took ${most} MB`);
    const code = await agent.end();
    if (code !== 0) differences.push(`the agent ended with ${code}: ${lastLines(agent)}`);
    const sent = stopped instanceof Error ? 0 : Math.min(...stopped);
    return { differences, counted, sent, early, late };
  } finally {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  }
}

interface Fuzzer {
  /** Resolves with the number sent. */
  stop(): Promise<number>;
}

function startFuzzers(
  target: Target,
  { port, statsd }: { readonly port: number; readonly statsd: StatsdSockets },
  random: Random,
): readonly Fuzzer[] {
  if (target.startsWith("records")) return [startRecordFuzzer(port, ownRandom(random))];
  const dogstatsd = startDogstatsdFuzzer(statsd, ownRandom(random));
  if (target.startsWith("dogstatsd")) return [dogstatsd];
  return [dogstatsd, startListenerFuzzer(port, ownRandom(random))];
}

async function statsdSockets(agent: Running, path: string): Promise<StatsdSockets> {
  const portOf = async (kind: string) => {
    const line = new RegExp(`"listen":"${kind}://[^"]*:(\\d+)"`);
    await agent.wrote(line);
    return Number(line.exec(agent.output())?.[1]);
  };
  await agent.wrote(`unixstream://${path}`);
  return { udp: await portOf("udp"), tcp: await portOf("tcp"), path };
}

/** Counts by DogStatsD over a Unix stream. Its stop resolves with the number that the agent has read. */
function startGoodStream(path: string): Fuzzer {
  const socket = connect(path);
  const packet = Buffer.from(`....${GOOD}:1|c`);
  packet.writeUInt32LE(packet.length - 4);
  let sent = 0;
  const timer = setInterval(() => {
    socket.write(packet);
    sent++;
  }, 5);
  let stopped: Promise<number> | undefined;
  const stop = async () => {
    clearInterval(timer);
    const closed = once(socket, "close");
    socket.end().resume();
    await closed;
    return sent;
  };
  return {
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Counts 1 every few milliseconds with the client. Its stop resolves with the number stored. */
function startGoodClient(port: number): Fuzzer {
  const client = new ChouetteClient({
    port,
    bufferRecords: 100_000,
    answerTimeoutMs: 10_000,
    exitSignals: false,
  });
  const answers: Promise<boolean>[] = [];
  const timer = setInterval(() => answers.push(client.count(GOOD, 1)), 5);
  let stopped: Promise<number> | undefined;
  const stop = async () => {
    clearInterval(timer);
    await client.flush();
    const stored = await Promise.all(answers);
    await client.close();
    if (stored.includes(false))
      throw new Error(`the client lost ${stored.filter((each) => !each).length} records`);
    return stored.length;
  };
  return {
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/**
 * The records that don't leave their queues, and the agent's last lines. A raw record from the future, by its score or
 * its own time, may wait for that time, or for ten minutes after the agent's start, whose clock may be behind.
 * @param withOrphans whether to wait for orphans as well: the agent looks for them once a minute
 */
async function untilDrained(
  port: number,
  agent: Running,
  { withOrphans, say }: { readonly withOrphans: boolean; readonly say: FuzzOptions["say"] },
): Promise<readonly string[]> {
  const { rawMetrics, readyMetrics, logs, sketches, events, checks } = queueNames();
  const others = [readyMetrics, logs, sketches, events, checks];
  const count = async (...command: readonly string[]) =>
    Number(/^[*:](\d+)/.exec(await ask(port, requestOf(command)))?.[1]);
  let left = {};
  const isDrained = async () => {
    const [raw = 0, ...ready] = await Promise.all(
      [rawMetrics, ...others].map((queue) => count("ZCARD", `${queue}.keys`)),
    );
    const stuck = raw > MAX_WAITING ? [`${raw} records`] : await presentRecords(port);
    const [rawValues = 0, ...orphans] = await Promise.all(
      (withOrphans ? [rawMetrics, ...others] : [rawMetrics]).map((queue) => count("HLEN", `${queue}.values`)),
    );
    left = { raw, ready, rawValues, orphans, stuck: stuck.slice(0, MAX_SHOWN) };
    return [...ready, stuck.length, rawValues - raw, ...orphans].every((each) => each === 0);
  };
  const saying = setInterval(() => say(`still there: ${JSON.stringify(left)}`), SAYING_MS);
  const within = DRAINED_WITHIN_MS + (withOrphans ? ORPHANS_WITHIN_MS : 0);
  return until("the queues to drain", isDrained, within)
    .then(
      () => [],
      () => [`the queues hold ${JSON.stringify(left)} and don't drain: ${lastLines(agent)}`],
    )
    .finally(() => clearInterval(saying));
}

/** The raw records that aren't from the future, one line each: they should have left. */
async function presentRecords(port: number): Promise<readonly string[]> {
  const { rawMetrics } = queueNames();
  const bulks = async (...command: readonly string[]) =>
    bulksOf(await ask(port, requestOf(command.map((arg) => Buffer.from(arg, "latin1"))), "latin1"));
  const placed = await bulks("ZRANGE", `${rawMetrics}.keys`, "0", "-1", "WITHSCORES");
  const ids = placed.filter((_, index) => index % 2 === 0);
  if (ids.length === 0) return [];
  const values = await bulks("HMGET", `${rawMetrics}.values`, ...ids);
  const now = Date.now() / 1000;
  return ids.flatMap((id, index) => {
    const [score = "", value = ""] = [placed[2 * index + 1], values[index]];
    const isAhead = redisNumber(score) > now || ownTime(value) > now + MAX_LEAD;
    return isAhead ? [] : [`${JSON.stringify(id)} at ${score}: ${value.slice(0, 200)}`];
  });
}

function redisNumber(score: string): number {
  return score === "inf" ? Number.POSITIVE_INFINITY : Number(score);
}

/** NaN if the value has no time or can't be read. */
function ownTime(value: string): number {
  try {
    const { timestamp } = JSON.parse(Buffer.from(value, "latin1").toString()) as { timestamp?: unknown };
    const time = Number(timestamp);
    return Number.isFinite(time) ? time : Number.NaN;
  } catch {
    return Number.NaN;
  }
}

/** The bulk strings of a reply, in latin1. */
function bulksOf(reply: string): readonly string[] {
  const bulks: string[] = [];
  let at = 0;
  for (let head = nextBulk(reply, at); head !== null; head = nextBulk(reply, at)) {
    const start = head.index + head[0].length;
    at = start + Number(head[1]);
    bulks.push(reply.slice(start, at));
  }
  return bulks;
}

function nextBulk(reply: string, from: number): RegExpExecArray | null {
  const head = /\$(\d+)\r\n/g;
  head.lastIndex = from;
  return head.exec(reply);
}

function sampleMemory(agent: Running) {
  const samples: number[] = [];
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${agent.child.pid}/status`, "utf8").catch(() => "");
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    if (kilobytes > 0) samples.push((kilobytes * 1024) / MEGABYTE);
  }, SAMPLE_MS);
  const maxBetween = (from: number, to: number) =>
    Math.round(Math.max(0, ...samples.slice(samples.length * from, samples.length * to)));
  return {
    stop: () => {
      clearInterval(timer);
      return { early: maxBetween(0.25, 0.5), late: maxBetween(0.75, 1), most: maxBetween(0, 1) };
    },
  };
}

function lastLines(agent: Running): string {
  return agent.output().trim().split("\n").slice(-4).join("\n").slice(0, 2_000);
}
