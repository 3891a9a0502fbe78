/** One run of the model: a sequence of operations on a new device, and the differences once everything has settled. */
import { differencesOf } from "./compare.js";
import { Device } from "./device.js";
import { memoryEngine } from "./engines.js";
import type { Broker, Operation } from "./operations.js";
import type { Engine } from "./watched-store.js";

/** @returns the differences in words; empty if everything is right */
export async function runSequence(
  broker: Broker,
  operations: readonly Operation[],
  engine: Engine = memoryEngine(broker),
): Promise<readonly string[]> {
  const device = new Device(broker, engine, await engine.emptyStore());
  // Backoff has jitter, which must be the same each time.
  const random = Math.random;
  Math.random = seededRandom();
  try {
    await device.begin();
    for (const operation of operations) await device.take(operation);
    await device.settleDown();
    return await differencesOf(device);
  } finally {
    Math.random = random;
  }
}

/** Good enough for jitter. */
function seededRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}
