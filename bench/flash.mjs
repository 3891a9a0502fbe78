// Bytes written to disk per stored record by the embedded store, and what a program that stores one record at a
// time gets. Arguments: a folder on a real file system (tmpfs writes nothing); seconds a case, 10 unless given.
// Build first. Linux only: it reads /proc/self/io, which counts whole folios, up to 128 KB on recent kernels, for each
// page that is written. LMDB's own calls write less: see docs/decisions/0008.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LmdbStore } from "@chouette-iot/queue/lmdb";

const [folder = ".", length = "10"] = process.argv.slice(2);
const QUEUE = "chouette:metrics:raw";
/** Records a second, and records a batch: the client sends what it has every 100 ms. */
const RATES = [
  [10, 1],
  [100, 10],
  [1_000, 100],
];
const INTERVALS_MS = [0, 10, 50, 200];

const written = () => Number(/^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
let last = 0;
const records = (count) =>
  Array.from({ length: count }, () => ({
    score: Date.now() / 1000,
    id: crypto.randomUUID(),
    value: JSON.stringify({ metric: "a.metric", type: "count", value: ++last }).padEnd(130),
  }));

async function measured(commitInterval, store) {
  const directory = mkdtempSync(join(folder, "flash-"));
  const opened = new LmdbStore({ directory, commitInterval });
  await opened.append(QUEUE, records(5_000));
  const before = { bytes: written(), at: performance.now() };
  const stored = await store(opened);
  const seconds = (performance.now() - before.at) / 1000;
  const bytes = written() - before.bytes;
  await opened.close();
  rmSync(directory, { recursive: true });
  return { stored, seconds, bytes, perRecord: Math.round(bytes / stored) };
}

console.log("interval ms | records/s | a batch | bytes a record | MB a day");
for (const interval of INTERVALS_MS) {
  for (const [rate, batch] of RATES) {
    const { perRecord, bytes, seconds } = await measured(interval, async (store) => {
      const batches = (Number(length) * rate) / batch;
      const began = performance.now();
      for (let sent = 1; sent <= batches; sent++) {
        await store.append(QUEUE, records(batch));
        await sleep(Math.max(0, began + (sent * batch * 1000) / rate - performance.now()));
      }
      return batches * batch;
    });
    console.log([interval, rate, batch, perRecord, Math.round((bytes / seconds) * 0.0864)].join(" | "));
  }
}

console.log("\none record at a time, the next after the answer");
console.log("interval ms | the first 500, records/s | after 1,000 more, records/s | bytes a record");
for (const interval of INTERVALS_MS) {
  const speeds = [];
  const { perRecord } = await measured(interval, async (store) => {
    let stored = 0;
    for (const [count, isMeasured] of [
      [500, true],
      [interval === 0 ? 1_000 : 20, false],
      [60, true],
    ]) {
      const began = performance.now();
      for (let index = 0; index < count; index++) await store.append(QUEUE, records(1));
      if (isMeasured) speeds.push(Math.round((count * 1000) / (performance.now() - began)));
      stored += count;
    }
    return stored;
  });
  console.log([interval, ...speeds, perRecord].join(" | "));
}
