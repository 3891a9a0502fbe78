/**
 * `npm run fuzz -- --minutes M --seed N --target records|listener|dogstatsd`: the fuzzers, for longer than in `npm
 * test`; each target gets a share of the time.
 *
 * Prints the seed of each run; stops at the first failure, prints it and exits with 1. The seed repeats the data, not
 * the exact moments.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const MAX_MINUTES = 24 * 60;
const TARGETS = ["listener, embedded", "dogstatsd, embedded", "records, embedded", "records, redis"];
/** After this the next seed starts, so that a long run uses many. */
const MAX_RUN_SECONDS = 120;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
    minutes: { type: "string", default: "10" },
    target: { type: "string", default: "" },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
const targets = TARGETS.filter((target) => target.startsWith(values.target));
if (!Number.isInteger(seed)) fail("--seed should be a whole number");
if (!(minutes > 0 && minutes <= MAX_MINUTES)) fail(`--minutes should be a number from 0 to ${MAX_MINUTES}`);
if (targets.length === 0) fail(`--target should be the beginning of one of: ${TARGETS.join("; ")}`);

const seconds = Math.min(MAX_RUN_SECONDS, (minutes * 60) / targets.length);
const end = Date.now() + minutes * 60_000;
console.log(`seed ${seed}, ${minutes} minutes on ${targets.join("; ")}`);
for (let run = 0; run === 0 || Date.now() + seconds * 500 < end; run++) {
  const target = targets[run % targets.length];
  const { status } = spawnSync(
    process.execPath,
    [`${root}node_modules/vitest/vitest.mjs`, "run", "tests/fuzz/fuzz.test.ts"],
    {
      cwd: root,
      stdio: "inherit",
      env: {
        ...process.env,
        TEST_PATIENCE: "5",
        FUZZ_SEED: `${seed + Math.floor(run / targets.length)}`,
        FUZZ_SECONDS: `${seconds}`,
        FUZZ_TARGET: target,
      },
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
