/**
 * A program that stores records as fast as possible, in a separate process: through our client; by a bare loop that
 * sends the same commands, prepared in advance, with a driver; or without a broker, directly into the embedded broker's
 * store.
 *
 * @typedef {object} Job
 * @property {"client" | "bare loop" | "store"} way
 * @property {string} root  the tree whose client or store to take
 * @property {number} [port]  the broker's
 * @property {string} [directory]  the store's
 * @property {number} contexts
 * @property {number} recordBytes  of a record's JSON, at least some 120; reached by tags
 */
import { pathToFileURL } from "node:url";
import { answer } from "../suite/child.mjs";
import { connectTo } from "../support/driver.mjs";
import { importEntry } from "../support/entry-point.mjs";
import { NAME, recordsIn, tagsOf, textOf } from "./records.mjs";

const QUEUE = "chouette:metrics:raw";
const IN_FLIGHT = 4;

/** @type {(records: number) => Promise<void>} */
let store;

const WAYS = { client: throughClient, "bare loop": byBareLoop, store: intoStore };

answer({
  open: async (job) => {
    store = await WAYS[job.way](job);
  },
  /** @returns seconds on the clock, and of this process' CPU time, until all is stored */
  store: async ({ records }) => {
    const begun = performance.now();
    const cpuBefore = process.cpuUsage();
    await store(records);
    const { user, system } = process.cpuUsage(cpuBefore);
    return { seconds: (performance.now() - begun) / 1000, cpuSeconds: (user + system) / 1e6 };
  },
});

/** Samples of a histogram, which the client doesn't aggregate. It returns to its event loop after each batch. */
async function throughClient({ root, port, contexts, recordBytes }) {
  const { ChouetteClient } = await import(pathToFileURL(`${root}/packages/client/dist/index.js`).href);
  const client = new ChouetteClient({ port });
  const options = tagsOf(contexts, recordBytes).map((tags) => ({ tags }));
  const batch = recordsIn(recordBytes);
  let stored = 0;
  return async (records) => {
    const answers = [];
    for (let record = 0; record < records; record++) {
      const answer = client.histogram(NAME, 1.5, options[record % contexts]);
      // At most a few batches ahead of the broker.
      if (record % batch === 0) answers.push(answer);
      if (answers.length > IN_FLIGHT) await answers.shift();
    }
    await client.flush({ timeoutMs: 60_000 });
    stored += records;
    const stats = client.stats();
    if (stats.stored !== stored) throw new Error(`stored ${stats.stored} of ${stored}`);
  };
}

/** Batches of prepared texts: the limit of driver and broker. */
async function byBareLoop({ port, contexts, recordBytes }) {
  const driver = await connectTo(port);
  const texts = tagsOf(contexts, recordBytes).map(textOf);
  const batch = recordsIn(recordBytes);
  let stored = 0;
  const sendBatch = (end) => {
    const keys = ["ZADD", `${QUEUE}.keys`];
    const values = ["HSET", `${QUEUE}.values`];
    const score = `${Date.now() / 1000}`;
    for (; stored < end; stored++) {
      const id = `bare-loop-${stored}`;
      keys.push(score, id);
      values.push(id, texts[stored % contexts]);
    }
    return driver.multi().addCommand(keys).addCommand(values).exec();
  };
  return async (records) => {
    const end = stored + records;
    await inLanes(async () => {
      while (stored < end) await sendBatch(Math.min(stored + batch, end));
    });
  };
}

/** Batches of prepared records into the store: the embedded broker's limit without network and protocol. */
async function intoStore({ root, directory, contexts, recordBytes }) {
  const { openEmbeddedStore } = await importEntry(root, "queue", "./embedded");
  const { store: opened } = await openEmbeddedStore({ folder: directory });
  const texts = tagsOf(contexts, recordBytes).map(textOf);
  const batch = recordsIn(recordBytes);
  let stored = 0;
  const nextBatch = (end) => {
    const score = Date.now() / 1000;
    const records = [];
    for (; stored < end; stored++) {
      records.push({ id: `store-${stored}`, score, value: texts[stored % contexts] });
    }
    return records;
  };
  return async (records) => {
    const end = stored + records;
    await inLanes(async () => {
      while (stored < end) await opened.append(QUEUE, nextBatch(Math.min(stored + batch, end)));
    });
    const size = await opened.size(QUEUE);
    if (size !== end) throw new Error(`the store holds ${size} of ${end} records`);
  };
}

async function inLanes(lane) {
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}
