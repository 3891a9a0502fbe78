/**
 * `npm run chaos -- --seed N --minutes M --broker redis|embedded --clock running|set`: the chaos test, for longer than
 * in `npm test`: this many minutes on each broker, without and with clock steps; then as long through a gateway.
 *
 * Prints the seed and each disaster; if anything differs, prints that and exits with 1. The seed repeats the schedule,
 * not the exact moments.
 */
import { fail, longRunOptions, runTests } from "./long-run.mjs";

const { seed, minutes, broker, clock } = longRunOptions("5", ["broker", "clock"]);
if (![undefined, "redis", "embedded"].includes(broker)) fail("--broker should be redis or embedded");
if (![undefined, "running", "set"].includes(clock)) fail("--clock should be running or set");

console.log(`seed ${seed}, ${minutes} minutes on ${broker ?? "each broker"}`);
const status = runTests(["tests/chaos/conservation.test.ts", "tests/chaos/gateway.test.ts"], {
  CHAOS_SEED: `${seed}`,
  CHAOS_SECONDS: `${minutes * 60}`,
  ...(broker === undefined ? {} : { CHAOS_BROKER: broker }),
  ...(clock === undefined ? {} : { CHAOS_CLOCK: clock }),
});
process.exit(status);
