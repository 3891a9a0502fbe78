/**
 * The chaos test: whatever fails, every count arrives once, every other value that arrived in one part equals that of
 * the raw records, refused records become dead letters, and the ledger's sums are right.
 *
 * `npm run chaos` runs it for longer, with CHAOS_SEED, CHAOS_SECONDS, CHAOS_BROKER and CHAOS_CLOCK.
 */
import { describe, expect, it } from "vitest";
import { PATIENCE } from "../support/until.js";
import type { BrokerName } from "./brokers.js";
import { underFire } from "./fire.js";

/** The schedule of this one has many disasters, and kills the agent early and often. */
const SEED_OF_TESTS = 12;
const seed = Number(process.env.CHAOS_SEED ?? SEED_OF_TESTS);
const seconds = Number(process.env.CHAOS_SECONDS ?? 40);
const brokers = (["redis", "embedded"] as const).filter(
  (name: BrokerName) => (process.env.CHAOS_BROKER ?? name) === name,
);
const clocks = (["running", "set"] as const).filter((clock) => (process.env.CHAOS_CLOCK ?? clock) === clock);
/** The clock is set only in longer runs, to save time: in `npm test`, the model sets it. */
const runs = brokers
  .flatMap((broker) => clocks.map((clock) => ({ broker, clock })))
  .filter(({ clock }) => process.env.CHAOS_SEED !== undefined || clock === "running");
const SETTLING_MS = 300_000;
const MAX_SHOWN = 20;

describe("nothing is lost and nothing is counted twice under fire", () => {
  it.concurrent.each(runs)("on $broker, with a clock that is $clock", {
    timeout: seconds * 1000 + SETTLING_MS * PATIENCE,
  }, async (run) => {
    const { broker } = run;
    const setsClock = run.clock === "set";
    const began = Date.now();
    const say = (line: string) => {
      const at = Math.round((Date.now() - began) / 1000);
      if (process.env.CHAOS_SEED !== undefined)
        process.stdout.write(`${broker}, clock ${run.clock}, ${at} s: ${line}\n`);
    };
    const { differences, ...found } = await underFire({ broker, setsClock, seed, seconds, say });
    say(JSON.stringify({ seed, differences: differences.length, ...found }));
    expect(differences.slice(0, MAX_SHOWN), `with seed ${seed}`).toEqual([]);
    // Otherwise the run has proved nothing.
    expect(found.stored).toBeGreaterThan(seconds * 500);
    expect(Math.min(found.whole, found.refused)).toBeGreaterThan(0);
    if (!setsClock)
      expect(Math.min(found.inParts, found.malformed), JSON.stringify(found)).toBeGreaterThan(0);
  });
});
