/**
 * `npm run fuzz -- --minutes M --seed N --target records|listener|dogstatsd`: the fuzzers, for longer than in `npm
 * test`; each target gets a share of the time.
 *
 * Prints the seed of each run; stops at the first failure, prints it and exits with 1. The seed repeats the data, not
 * the exact moments.
 */
import { fail, longRunOptions, runTests } from "./long-run.mjs";

const TARGETS = ["listener, embedded", "dogstatsd, embedded", "records, embedded", "records, redis"];
/** After this the next seed starts, so that a long run uses many. */
const MAX_RUN_SECONDS = 120;

const { seed, minutes, target: asked = "" } = longRunOptions("10", ["target"]);
const targets = TARGETS.filter((target) => target.startsWith(asked));
if (targets.length === 0) fail(`--target should be the beginning of one of: ${TARGETS.join("; ")}`);

const seconds = Math.min(MAX_RUN_SECONDS, (minutes * 60) / targets.length);
const end = Date.now() + minutes * 60_000;
console.log(`seed ${seed}, ${minutes} minutes on ${targets.join("; ")}`);
for (let run = 0; run === 0 || Date.now() + seconds * 500 < end; run++) {
  const status = runTests(["tests/fuzz/fuzz.test.ts"], {
    FUZZ_SEED: `${seed + Math.floor(run / targets.length)}`,
    FUZZ_SECONDS: `${seconds}`,
    FUZZ_TARGET: targets[run % targets.length],
  });
  if (status !== 0) process.exit(status);
}
