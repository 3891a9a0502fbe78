// Fills an embedded store, then reads it through, settling page by page, and prints by how much resident memory grew.
// Arguments: the store's folder, the number of records.
import { readFileSync } from "node:fs";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";

const [folder, count] = process.argv.slice(2);
const queue = "chouette:metrics:raw";

let { store } = await openEmbeddedStore({ folder });
for (let first = 0; first < Number(count); first += 5_000) {
  const records = Array.from({ length: 5_000 }, (_, index) => ({
    score: first + index,
    id: crypto.randomUUID(),
    value: JSON.stringify({ metric: "a.metric", type: "count", value: index }).padEnd(130),
  }));
  await store.append(queue, records);
}
await store.close();

const opening = performance.now();
({ store } = await openEmbeddedStore({ folder }));
const openedIn = Math.round(performance.now() - opening);
globalThis.gc?.();
const { heapUsed, arrayBuffers } = process.memoryUsage();
const heldMb = Math.round((heapUsed + arrayBuffers) / 2 ** 20);
const began = performance.now();
let read = 0;
let peak = 0;
for (;;) {
  const records = await store.read(queue, { limit: 2_000 });
  if (records.length === 0) break;
  await store.settle({ remove: [{ queue, records }] });
  read += records.length;
  peak = Math.max(peak, residentMb("VmRSS"));
}
const rate = Math.round(read / ((performance.now() - began) / 1_000));
await store.close();
say(`read ${read}, opened in ${openedIn} ms, holding ${heldMb} MB, resident at most ${peak} MB`);
say(`${rate} records a second; done`);

function residentMb(name) {
  const [, kilobytes] =
    new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
