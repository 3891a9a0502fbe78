/**
 * Whatever records and bytes arrive, a well-behaved client loses nothing, the queues drain and the agent's memory
 * doesn't grow. `npm run fuzz` runs it for longer, with FUZZ_SEED, FUZZ_SECONDS and FUZZ_TARGET.
 */
import { describe, expect, it } from "vitest";
import { PATIENCE } from "../support/until.js";
import { fuzz, type Target } from "./fuzz.js";

const seed = Number(process.env.FUZZ_SEED ?? 1);
const seconds = Number(process.env.FUZZ_SECONDS ?? 8);
const ALL: readonly Target[] = [
  "listener, embedded",
  "dogstatsd, embedded",
  "records, embedded",
  "records, redis",
];
/** DogStatsD is among the listeners. */
const targets = ALL.filter((target) =>
  process.env.FUZZ_TARGET === undefined
    ? target !== "dogstatsd, embedded"
    : target.startsWith(process.env.FUZZ_TARGET),
);
const SETTLING_MS = 450_000;

describe("a well-behaved client loses nothing, and the queues drain, beside the fuzzer", () => {
  it.each(targets)("of %s", { timeout: seconds * 1000 + SETTLING_MS * PATIENCE }, async (target) => {
    const say = (line: string) => {
      if (process.env.FUZZ_SEED !== undefined) process.stdout.write(`${target}, seed ${seed}: ${line}\n`);
    };
    const { differences, ...found } = await fuzz({ target, seed, seconds, say });
    say(JSON.stringify({ differences: differences.length, ...found }));
    expect(differences, `with seed ${seed}`).toEqual([]);
    // Otherwise the run has proved nothing.
    expect(found.counted).toBeGreaterThan(50);
    expect(found.sent).toBeGreaterThan(50);
  });
});
