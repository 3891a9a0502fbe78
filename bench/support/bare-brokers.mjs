/**
 * The two brokers as the bare loop uses them: pages of the raw queue, and one step that removes raw records and adds
 * ready ones.
 *
 * @typedef {{ id: string, score: number, value: string }} BareRecord
 * @typedef {object} BareBroker
 * @property {() => AsyncIterable<readonly BareRecord[]> | Iterable<readonly BareRecord[]>} pages
 * @property {(taken: readonly Pick<BareRecord, "id" | "score">[], ready: readonly BareRecord[]) => Promise<void> |
 * void} settle
 * @property {() => Promise<void>} close
 */
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { connectTo } from "./driver.mjs";

const RAW = "chouette:metrics:raw";
const READY = "chouette:metrics:wrapped";
/** As many as the agent takes. */
const PAGE = 2_000;

/** @param {number} port @returns {Promise<BareBroker>} */
export async function openRedis(port) {
  const redis = await connectTo(port);
  const read = async (first) => {
    const last = `${first + PAGE - 1}`;
    const range = /** @type {string[]} */ (
      /** @type {unknown} */ (
        await redis.sendCommand(["ZRANGE", `${RAW}.keys`, `${first}`, last, "WITHSCORES"])
      )
    );
    const ids = range.filter((_, index) => index % 2 === 0);
    if (ids.length === 0) return [];
    const values = await redis.sendCommand(["HMGET", `${RAW}.values`, ...ids]);
    return ids.map((id, index) => ({ id, score: 0, value: values[index] }));
  };
  /** Records that were read and still exist before the next page. */
  let held = 0;
  return {
    async *pages() {
      let next = read(0);
      for (;;) {
        const page = await next;
        if (page.length === 0) return;
        held += page.length;
        next = read(held);
        yield page;
      }
    },
    settle: async (taken, ready) => {
      // The server executes commands in order: the page in progress was requested while these still existed.
      held -= taken.length;
      const ids = taken.map(({ id }) => id);
      await redis
        .multi()
        .addCommand(["ZREM", `${RAW}.keys`, ...ids])
        .addCommand(["HDEL", `${RAW}.values`, ...ids])
        .addCommand(["ZADD", `${READY}.keys`, ...ready.flatMap(({ id, score }) => [`${score}`, id])])
        .addCommand(["HSET", `${READY}.values`, ...ready.flatMap(({ id, value }) => [id, value])])
        .exec();
    },
    close: () => redis.close(),
  };
}

/** On the agent's own store. @param {string} directory @returns {Promise<BareBroker>} */
export async function openEmbedded(directory) {
  const { store } = await openEmbeddedStore({ folder: directory });
  const read = (after) => store.read(RAW, { limit: PAGE, ...(after === undefined ? {} : { after }) });
  return {
    async *pages() {
      let next = read();
      for (;;) {
        const page = await next;
        if (page.length === 0) return;
        next = read(page.at(-1));
        // None of them is an orphan: each has a value.
        yield/** @type {readonly BareRecord[]} */ (page);
      }
    },
    settle: (taken, ready) =>
      store.settle({ remove: [{ queue: RAW, records: taken }], add: [{ queue: READY, records: ready }] }),
    close: () => store.close(),
  };
}
