/**
 * Looks for a sequence of operations after which something differs, and shrinks it. `scripts/model.mjs` runs it.
 *
 * `--seed N --runs N --broker embedded|redis|pair --only call,late,… --calls plain|0,1,… --length N`
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import {
  BROKERS,
  type Broker,
  type FaultKind,
  type LinkState,
  type Operation,
  type OperationName,
  PLAIN_CALLS,
  type Settings,
  sequences,
} from "./operations.js";
import { runSequence } from "./run.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1000" },
    broker: { type: "string", default: "redis" },
    only: { type: "string" },
    calls: { type: "string" },
    late: { type: "string" },
    vary: { type: "string" },
    first: { type: "string", default: "[]" },
    faults: { type: "string" },
    answers: { type: "string" },
    length: { type: "string", default: "25" },
    replay: { type: "string" },
  },
});

const broker = BROKERS.find((name) => name === values.broker) as Broker;
const say = (text: string) => process.stdout.write(`${text}\n`);

if (values.replay !== undefined) {
  const operations = JSON.parse(values.replay) as readonly Operation[];
  for (const difference of await runSequence(broker, operations)) say(difference);
  process.exit(0);
}

const arbitrary = sequences({
  broker,
  maxLength: Number(values.length),
  ...(values.only === undefined ? {} : { only: values.only.split(",") as OperationName[] }),
  ...(values.answers === undefined ? {} : { answers: values.answers.split(",") as LinkState[] }),
  ...(values.late === undefined ? {} : { lateBy: values.late.split(",") as ("then" | "now")[] }),
  ...(values.vary === undefined ? {} : { vary: values.vary.split(",") as (keyof Settings)[] }),
  first: JSON.parse(values.first) as readonly Operation[],
  ...(values.faults === undefined ? {} : { faults: values.faults.split(",") as FaultKind[] }),
  ...(values.calls === undefined
    ? {}
    : { calls: values.calls === "plain" ? PLAIN_CALLS : values.calls.split(",").map(Number) }),
});
const began = performance.now();
const result = await fc.check(
  fc.asyncProperty(arbitrary, async (operations) => {
    const differences = await runSequence(broker, operations);
    if (differences.length > 0) throw new Error(differences.join("\n"));
  }),
  { seed: Number(values.seed), numRuns: Number(values.runs) },
);
const seconds = ((performance.now() - began) / 1000).toFixed(1);
if (!result.failed) {
  say(`${broker}: ${result.numRuns} runs, seed ${values.seed}: no difference (${seconds} s)`);
} else {
  say(`${broker}: run ${result.numRuns}, seed ${result.seed}, ${result.numShrinks} shrinks (${seconds} s)`);
  say((result.counterexample?.[0] ?? []).map((operation) => JSON.stringify(operation)).join("\n"));
  say(String(result.errorInstance instanceof Error ? result.errorInstance.message : result.errorInstance));
  process.exitCode = 1;
}
