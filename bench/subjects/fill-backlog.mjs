/**
 * Fills a broker with a backlog, using a tree's own store: a Redis server, which then saves it, or the embedded
 * broker's files.
 */
import { createClient } from "@redis/client";
import { answer } from "../suite/child.mjs";
import { importEntry } from "../support/entry-point.mjs";

const RAW = "chouette:metrics:raw";
const BATCH = 5_000;
const IN_FLIGHT = 4;
const RECORDS_A_SECOND = 2_000;
/** Age of the last record, so that its window is closed. */
const AGE = 60;
const TYPES = ["count", "gauge", "histogram", "count"];
/** Datadog accepts tags of up to 200 characters: a larger record has more tags. */
const MAX_TAG_VALUE = 150;

answer({
  /** @returns the sum of all counts */
  fill: async ({ root, place, records, contexts, recordBytes }) => {
    const store = await openStore(root, place);
    const start = Date.now() / 1000 - records / RECORDS_A_SECOND - AGE;
    let counted = 0;
    const appending = [];
    for (let first = 0; first < records; first += BATCH) {
      const batch = [];
      for (let n = first; n < Math.min(first + BATCH, records); n++) {
        const record = recordOf(n, contexts, start, recordBytes);
        if (record.type === "count") counted += record.value;
        const id = `bench-process-${n.toString(36).padStart(6, "0")}`;
        batch.push({ id, score: record.timestamp, value: JSON.stringify(record) });
      }
      appending.push(store.append(RAW, batch));
      if (appending.length === IN_FLIGHT) await appending.shift();
    }
    await Promise.all(appending);
    await store.close();
    if (place.port !== undefined) await save(place.port);
    return counted;
  },
});

function recordOf(n, contexts, start, recordBytes) {
  const context = n % contexts;
  const record = {
    metric: `my.metric.${context % 10}`,
    type: TYPES[context % TYPES.length],
    value: n % 7,
    timestamp: start + n / RECORDS_A_SECOND,
    tags: { zone: `z${context}`, host: "a" },
  };
  let missing = recordBytes - JSON.stringify(record).length;
  for (let tag = 0; missing > 0; tag++) {
    const value = "x".repeat(Math.max(1, Math.min(missing, MAX_TAG_VALUE)));
    record.tags[`more${tag}`] = value;
    missing -= value.length + `,"more${tag}":""`.length;
  }
  return record;
}

async function openStore(root, { port, directory }) {
  if (directory !== undefined) {
    const { openEmbeddedStore } = await importEntry(root, "queue", "./embedded");
    return (await openEmbeddedStore({ folder: directory })).store;
  }
  const { RedisStore } = await importEntry(root, "queue", "./redis");
  return new Promise((resolve) => {
    const store = new RedisStore({ port, onConnected: () => resolve(store) });
  });
}

async function save(port) {
  const redis = await createClient({ socket: { port } }).connect();
  await redis.sendCommand(["SAVE"]);
  redis.destroy();
}
