/**
 * A run of the fuzzers: a real agent with a heap of 256 MB, fuzzers that send it anything, and well-behaved clients.
 *
 * Checks: every count of these clients arrives once, the agent survives and exits cleanly, the queues drain, and its
 * memory doesn't grow.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { ownRandom, type Random, seededRandom } from "../support/random.js";
import { startRedis } from "../support/redis-server.js";
import type { Running } from "../support/running.js";
import { until } from "../support/until.js";
import { type StatsdSockets, startDogstatsdFuzzer } from "./dogstatsd-fuzzer.js";
import { DRAINED_WITHIN_MS, untilDrained } from "./drained-queues.js";
import { GOOD, startGoodClient, startGoodStream } from "./good-clients.js";
import { startListenerFuzzer } from "./listener-fuzzer.js";
import { startRecordFuzzer } from "./record-fuzzer.js";

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

const STATSD_SOCKET = "statsd.sock";
/** Shorter runs don't wait for orphans of ready metrics and logs. */
const SECONDS_WITH_ORPHANS = 30;
const SAMPLE_MS = 250;
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
    await Promise.race([sleep(seconds * 1000), agent.ended]);
    const stopped = await Promise.all(fuzzers.map((fuzzer) => fuzzer.stop())).catch((error: Error) => error);
    const counted = (await Promise.all(good.map((client) => client.stop()))).reduce(
      (sum, each) => sum + each,
    );
    say(`counted ${counted}, sent ${stopped}; draining`);
    const differences: string[] = stopped instanceof Error ? [stopped.message] : [];
    const left = await untilDrained(port, { withOrphans: seconds >= SECONDS_WITH_ORPHANS, say });
    if (left !== undefined) differences.push(`the queues hold ${left} and don't drain: ${lastLines(agent)}`);
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
