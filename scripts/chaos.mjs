/**
 * `npm run chaos -- --seed N --minutes M --broker redis|embedded --clock running|set`: the chaos test, for longer than
 * in `npm test`: this many minutes on each broker, without and with clock steps.
 *
 * Prints the seed and each disaster; if anything differs, prints that and exits with 1. The seed repeats the schedule,
 * not the exact moments.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const MAX_MINUTES = 24 * 60;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
    minutes: { type: "string", default: "5" },
    broker: { type: "string" },
    clock: { type: "string" },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isInteger(seed)) fail("--seed should be a whole number");
if (!(minutes > 0 && minutes <= MAX_MINUTES)) fail(`--minutes should be a number from 0 to ${MAX_MINUTES}`);
if (![undefined, "redis", "embedded"].includes(values.broker)) fail("--broker should be redis or embedded");
if (![undefined, "running", "set"].includes(values.clock)) fail("--clock should be running or set");

console.log(`seed ${seed}, ${minutes} minutes on ${values.broker ?? "each broker"}`);
const { status } = spawnSync(
  process.execPath,
  [
    `${root}node_modules/vitest/vitest.mjs`,
    "run",
    "tests/chaos/conservation.test.ts",
    "tests/chaos/gateway.test.ts",
    "tests/chaos/shards.test.ts",
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      TEST_PATIENCE: "5",
      CHAOS_SEED: `${seed}`,
      CHAOS_SECONDS: `${minutes * 60}`,
      ...(values.broker === undefined ? {} : { CHAOS_BROKER: values.broker }),
      ...(values.clock === undefined ? {} : { CHAOS_CLOCK: values.clock }),
    },
  },
);
process.exit(status ?? 1);

function fail(message) {
  console.error(message);
  process.exit(2);
}
