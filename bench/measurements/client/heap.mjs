/**
 * The heap after each of ten million tagged increments: constant if calls leave nothing behind.
 *
 *   npx tsc -b packages/client && node --expose-gc bench/measurements/client/heap.mjs
 */
import { ChouetteClient } from "chouette-iot-client";

if (globalThis.gc === undefined) throw new Error("run it with node --expose-gc");
const client = new ChouetteClient({ port: 1, bufferRecords: 1_000 });
// Excludes what is compiled when the first record is sent.
await client.count("warm", 1, { timestamp: 1 });
const MILLION = 1_000_000;
const heaps = [];
for (let million = 0; million <= 10; million++) {
  globalThis.gc?.();
  heaps.push(process.memoryUsage().heapUsed / 1024);
  for (let call = 0; call < MILLION; call++)
    client.increment("m", 1, { tags: { route: "/", method: "GET" } });
  await new Promise((resolve) => setImmediate(resolve));
}
const { accepted, aggregated } = client.stats();
console.log(heaps.map((kib) => `${kib.toFixed(0)} KiB`).join("  "));
console.log(`growth from the 1st million to the 10th: ${(heaps[10] - heaps[1]).toFixed(0)} KiB`);
console.log(`${accepted} calls, ${accepted - aggregated} records`);
process.exit();
