import { describe, expect, it } from "vitest";
import { BROKERS, type Broker } from "./operations.js";
import { findDifference } from "./search.js";

/** Together some half a minute; `npm run model` has more time. */
const RUNS: Readonly<Record<Broker, number>> = { embedded: 1000, redis: 600, pair: 200 };
const TIMEOUT = 180_000;

const seed = Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe("whatever happens to a device, what was recorded is what arrived, what waits and what was dropped for a reason", () => {
  it.each(BROKERS)("with the broker %s", { timeout: TIMEOUT }, async (broker) => {
    expect(await findDifference({ broker, seed, runs: RUNS[broker] })).toBeUndefined();
  });
});
