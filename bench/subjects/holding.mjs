/**
 * An application with a steady rate of calls, and how long its event loop is blocked meanwhile: a timer of a
 * millisecond measures its own delay.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { answer } from "../suite/child.mjs";
import { nthValue } from "./clients/calls.mjs";
import { callAtPace } from "./pace.mjs";

const NANOSECONDS = 1e6;

let client;

answer({
  /** @returns {Promise<{ calls: number, beginning: number, longest: number, cpu: number }>} milliseconds; cpu: microseconds a call */
  run: async ({ job, rate, beginningSeconds, seconds, delivers }) => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    // Without a client it is the application alone.
    client =
      job === undefined ? { call: () => {} } : await (await import(`./clients/${job.client}.mjs`)).open(job);
    const call = (n) => client.call(n % (job?.contexts ?? 1), nthValue(n));
    const first = await callAtPace(rate, beginningSeconds, call);
    const beginning = delay.max / NANOSECONDS;
    delay.reset();
    const before = process.cpuUsage();
    // A client that is scraped is scraped once, in the middle.
    const fetching = delivers ? setTimeout(() => client.flush(), (seconds * 1000) / 2) : undefined;
    const then = await callAtPace(rate, seconds, (n) => call(first + n));
    const { user, system } = process.cpuUsage(before);
    const longest = delay.max / NANOSECONDS;
    clearTimeout(fetching);
    await client.flush?.();
    return { calls: first + then, beginning, longest, cpu: (user + system) / then };
  },
  arrived: () => client.arrived(),
});
