/**
 * The model from the command line: `scripts/model.mjs` builds it, and runs it in as many processes as there are cores.
 *
 * Prints its findings, and exits with 1 if anything differs.
 */
import { parseArgs } from "node:util";
import { embeddedEngine, redisEngine } from "./engines.js";
import {
  BROKERS,
  type FaultKind,
  type LinkState,
  type Operation,
  type OperationName,
  PLAIN_CALLS,
  type SequenceOptions,
  type Settings,
} from "./operations.js";
import { runSequence } from "./run.js";
import { findDifference } from "./search.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1000" },
    broker: { type: "string", default: "embedded" },
    store: { type: "string", default: "memory" },
    /** A sequence to run, as JSON. */
    replay: { type: "string" },
    only: { type: "string" },
    calls: { type: "string" },
    answers: { type: "string" },
    faults: { type: "string" },
    late: { type: "string" },
    vary: { type: "string" },
    first: { type: "string" },
    length: { type: "string" },
  },
});

/**
 * Number of runs that share a seed: a difference is reported soon, and a run's random numbers don't depend on thousands
 * before it.
 */
const RUNS_PER_SEED = 250;

const say = (text: string) => process.stdout.write(`${text}\n`);
const broker = BROKERS.find((name) => name === values.broker);
if (broker === undefined) throw new Error(`--broker should be one of ${BROKERS.join(", ")}`);

/** Real engines take about ten times as long. */
const ENGINES = { memory: undefined, redis: redisEngine, embedded: embeddedEngine } as const;
const open = ENGINES[values.store as keyof typeof ENGINES];
if (open === undefined && values.store !== "memory")
  throw new Error(`--store should be one of ${Object.keys(ENGINES).join(", ")}`);
const engine = await open?.();

if (values.replay === undefined) process.exitCode = (await search()) ? 0 : 1;
else {
  const differences = await runSequence(broker, JSON.parse(values.replay) as readonly Operation[], engine);
  say(differences.length === 0 ? "no difference" : differences.join("\n"));
  process.exitCode = differences.length === 0 ? 0 : 1;
}

await engine?.close();

/** @returns whether nothing differed */
async function search(): Promise<boolean> {
  const runs = Number(values.runs);
  const began = performance.now();
  for (let done = 0; done < runs; done += RUNS_PER_SEED) {
    const seed = Number(values.seed) + done / RUNS_PER_SEED;
    const options = { ...narrowed(), seed, runs: Math.min(RUNS_PER_SEED, runs - done) };
    const found = await findDifference({ ...options, ...(engine === undefined ? {} : { engine }) });
    if (found === undefined) continue;
    say(`${found}\n(after ${done} runs without a difference)`);
    return false;
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  say(`${broker}: ${runs} runs from seed ${values.seed} on, no difference, ${seconds} s`);
  return true;
}

function narrowed(): SequenceOptions {
  const { only, calls, answers, faults, late, vary, first, length } = values;
  const list = <T extends string>(text: string) => text.split(",") as T[];
  return {
    broker: broker ?? "embedded",
    ...(only === undefined ? {} : { only: list<OperationName>(only) }),
    ...(calls === undefined ? {} : { calls: calls === "plain" ? PLAIN_CALLS : list(calls).map(Number) }),
    ...(answers === undefined ? {} : { answers: list<LinkState>(answers) }),
    ...(faults === undefined ? {} : { faults: list<FaultKind>(faults) }),
    ...(late === undefined ? {} : { lateBy: list<"then" | "now">(late) }),
    ...(vary === undefined ? {} : { vary: list<keyof Settings>(vary) }),
    ...(first === undefined ? {} : { first: JSON.parse(first) as readonly Operation[] }),
    ...(length === undefined ? {} : { maxLength: Number(length) }),
  };
}
