// Fills an LMDB store, then reads it through, settling page by page, and says by how much the part of the file
// that is resident grew at most. Arguments: the store's folder, the number of records.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { LmdbStore } from "@chouette-iot/queue/lmdb";

const [directory, count] = process.argv.slice(2);
const queue = "chouette:metrics:raw";
const options = { directory, commitInterval: 0 };

let store = new LmdbStore(options);
for (let first = 0; first < Number(count); first += 5_000) {
  const records = Array.from({ length: 5_000 }, (_, index) => ({
    score: first + index,
    id: crypto.randomUUID(),
    value: JSON.stringify({ metric: "a.metric", type: "count", value: index }).padEnd(130),
  }));
  await store.append(queue, records);
}
await store.close();

store = new LmdbStore(options);
const before = residentMb("RssFile");
const peak = { RssFile: 0, VmRSS: 0 };
const began = performance.now();
let read = 0;
for (;;) {
  const records = await store.read(queue, { limit: 2_000 });
  if (records.length === 0) break;
  await store.settle({ remove: [{ queue, records }] });
  read += records.length;
  for (const name in peak) peak[name] = Math.max(peak[name], residentMb(name));
}
const rate = Math.round(read / ((performance.now() - began) / 1_000));
const file = Math.round(statSync(join(directory, "chouette.mdb")).size / 2 ** 20);
await store.close();
say(`read ${read}, file ${file} MB, grown by ${peak.RssFile - before} MB`);
say(`resident at most ${peak.VmRSS} MB, ${rate} records a second; done`);

function residentMb(name) {
  const [, kilobytes] =
    new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
