// Moves batches through an embedded store until it is killed, and prints what was confirmed.
// Arguments: the store's folder, the number to begin with, records a batch, how many batches ("Infinity").
import { setTimeout as sleep } from "node:timers/promises";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";

const [folder, first, size, batches] = process.argv.slice(2);
const RAW = "chouette:metrics:raw";
const READY = "chouette:metrics:wrapped";
// So small that segments end and runs are written within a second.
const limits = { segmentBytes: 100_000, memoryBytes: 300_000, segments: 3, carriedBytes: 20_000 };
const { store } = await openEmbeddedStore({ folder, limits });
say("opened");

for (let batch = Number(first); batch < Number(first) + Number(batches); batch++) {
  const records = Array.from({ length: Number(size) }, (_, index) => ({
    score: batch,
    id: `${batch}-${index}`,
    value: JSON.stringify({ metric: "a.metric", value: index, batch }).padEnd(130),
  }));
  try {
    await store.append(RAW, records);
    say(`appended ${batch}`);
    if (batch % 2 === 0) continue;
    await store.settle({
      remove: [{ queue: RAW, records }],
      add: [{ queue: READY, records: records.slice(0, 3) }],
      state: new Map([["last", `${batch}`]]),
      count: new Map([["aggregated", records.length]]),
    });
    say(`settled ${batch}`);
  } catch (error) {
    say(`refused ${batch}: ${error.message}`);
    await sleep(5);
  }
}
await store.close();
say("closed");

function say(line) {
  process.stdout.write(`${line}\n`);
}
