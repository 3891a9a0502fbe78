/**
 * A program that calls a metrics client, in a separate process: in bursts, returning to its event loop after each, with
 * a delivery after CALLS_A_FLUSH calls, like a few seconds of a busy service.
 *
 * @typedef {object} Job
 * @property {string} client  a file of clients/
 * @property {Readonly<Record<string, any>>} settings  the client's
 * @property {"increment" | "gauge" | "histogram"} kind
 * @property {number} contexts
 * @property {string} root  the tree whose client to take, where it is ours
 * @property {number} [port]  of its far end
 *
 * @typedef {object} Client
 * @property {(context: number, value: number) => unknown} call
 * @property {(answer: unknown) => Promise<void>} [breathe]  between bursts, with the last call's answer
 * @property {() => Promise<void>} flush  delivers, and resolves when that is done
 * @property {() => Promise<import("./clients/calls.mjs").Arrived>} [arrived]  since it was last asked; without it the
 * far end is another process
 */
import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { answer } from "../suite/child.mjs";
import { CALLS_A_FLUSH, nthValue } from "./clients/calls.mjs";

const BURST = 500;

/** @type {Client} */
let client;
let contexts = 1;
let called = 0;
let consumed;

answer({
  open: async (job) => {
    contexts = job.contexts;
    client = await (await import(`./clients/${job.client}.mjs`)).open(job);
  },
  /** @returns nanoseconds a call: on the clock within the calls, and of CPU time until all was delivered; the calls so far */
  time: async ({ flushes }) => {
    const cpuBefore = process.cpuUsage();
    let inCalls = 0;
    for (let flush = 0; flush < flushes; flush++) inCalls += await callAndDeliver();
    const { user, system } = process.cpuUsage(cpuBefore);
    const calls = flushes * CALLS_A_FLUSH;
    return { clock: (inCalls * 1e6) / calls, cpu: ((user + system) * 1e3) / calls, called };
  },
  arrived: () => client.arrived?.(),
  weigh,
});

/** @returns milliseconds within the calls */
async function callAndDeliver() {
  let inCalls = 0;
  for (let bursts = CALLS_A_FLUSH / BURST; bursts > 0; bursts--) {
    const begun = performance.now();
    const last = burst();
    inCalls += performance.now() - begun;
    await client.breathe?.(last);
    await nextTurn();
  }
  await client.flush();
  return inCalls;
}

function burst() {
  for (const end = called + BURST; called < end; called++) {
    consumed = client.call(called % contexts, nthValue(called));
  }
  return consumed;
}

/**
 * Bytes that a call allocates, including its delivery. The process must have a young generation so large that nothing
 * is collected: then the growth of the heap equals the allocations.
 */
async function weigh() {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  globalThis.gc?.();
  await nextTurn();
  observer.observe({ entryTypes: ["gc"] });
  const before = process.memoryUsage().heapUsed;
  await callAndDeliver();
  const allocated = process.memoryUsage().heapUsed - before;
  // The observer gets collections in a later turn.
  await nextTurn();
  await nextTurn();
  observer.disconnect();
  if (collections > 0) throw new Error(`the heap was collected ${collections} times while it was weighed`);
  return { bytes: allocated / CALLS_A_FLUSH };
}
