/**
 * The minimum work with a backlog, as an upper bound of the speed: reads a page, parses each record, adds it up by
 * window and context, and when a window is over, stores one ready record per context and deletes the raw records, in
 * one step.
 *
 * It uses the same drivers and page size as the agent, and reads ahead. It checks nothing, keeps no state, counters or
 * fences, and sends nothing. Of a histogram it makes one number, and stores it once, or as often as the agent stores one.
 */
import { answer } from "../suite/child.mjs";
import { openEmbedded, openRedis } from "../support/bare-brokers.mjs";

const WINDOW = 10;

answer({
  /**
   * @param {{ port?: number, directory: string, ofHistogram: number }} options  of a server, or of the store without a port;
   *   ofHistogram: ready records per histogram
   * @returns {Promise<{ counted: number, ready: number, records: number, afterFirst: number, seconds: number,
   *   cpuSeconds: number, peakBytes: number }>} afterFirst: records that left after the first settlement, in `seconds`
   */
  run: async ({ port, directory, ofHistogram }) => {
    const broker = await (port === undefined ? openEmbedded(directory) : openRedis(port));
    const settled = { counted: 0, ready: 0, records: 0 };
    let first;
    const settle = async ({ ids, sums, start }) => {
      const ready = [...sums.values()].flatMap((sum, index) =>
        Array.from({ length: sum.type === "histogram" ? ofHistogram : 1 }, (_, number) =>
          readyRecord(sum, start, `${index}.${number}`),
        ),
      );
      for (const { type, sum } of sums.values()) if (type === "count") settled.counted += sum;
      settled.ready += ready.length;
      settled.records += ids.length;
      await broker.settle(ids, ready);
      first ??= { at: performance.now(), records: ids.length };
    };
    let window = newWindow();
    let settling = Promise.resolve();
    for await (const page of broker.pages()) {
      for (const { id, score, value } of page) {
        const record = JSON.parse(value);
        const start = Math.floor(record.timestamp / WINDOW) * WINDOW;
        if (start !== window.start && window.ids.length > 0) {
          await settling;
          settling = settle(window);
          window = newWindow();
        }
        window.start = start;
        add(window, record);
        window.ids.push({ id, score });
      }
    }
    await settling;
    await settle(window);
    const seconds = (performance.now() - first.at) / 1000;
    await broker.close();
    const { user, system } = process.cpuUsage();
    return {
      ...settled,
      afterFirst: settled.records - first.records,
      seconds,
      cpuSeconds: (user + system) / 1e6,
      peakBytes: process.resourceUsage().maxRSS * 1024,
    };
  },
});

/** @returns {{ start: number | undefined, ids: { id: string, score: number }[], sums: Map<string, any> }} */
function newWindow() {
  return { start: undefined, ids: [], sums: new Map() };
}

function add({ sums }, { metric, type, value, tags }) {
  let key = `${metric}|${type}`;
  for (const name of Object.keys(tags).sort()) key += `|${name}:${tags[name]}`;
  const entry = sums.get(key);
  if (entry === undefined) sums.set(key, { metric, type, tags, sum: value });
  else if (type === "gauge") entry.sum = value;
  else entry.sum += value;
}

function readyRecord({ metric, type, tags, sum }, start, id) {
  const list = Object.keys(tags).map((name) => `${name}:${tags[name]}`);
  const value = JSON.stringify({ metric, type, tags: list, points: [[start, sum]] });
  return { id: `${start}.${id}`, score: start, value };
}
