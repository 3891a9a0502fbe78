/** End to end: the time from a call to the intake's acceptance, and how long an application is blocked. */
import { ACCEPTANCE_RATE, acceptance } from "./latency/acceptance.mjs";
import { EVENT_LOOP_CONTEXTS, eventLoop } from "./latency/event-loop.mjs";

/** A round takes most of a minute. */
const MAX_ROUNDS = { acceptance: 2, eventLoop: 3 };

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "latency",
  title: "End to end",
  about: `**From the call to acceptance.** An application makes ${ACCEPTANCE_RATE.toLocaleString("en-US")} gauge calls a second. Each has a unique value, by which a stand-in
for Datadog recognises it. Application, broker, agent and intake are separate processes on loopback; the intake runs in the suite's process.
The agent has the smallest sensible windows: AGGREGATE_INTERVAL=1, RELEASE_INTERVAL=1, and AGGREGATE_GRACE=0 if each call is a record, or
1 if the client aggregates (its records come at the end of each second). Each value must arrive, or the run fails.

The settings make a call wait: on average 0.5 s until its second is over, then the grace, then 0 to 1 s for the next release, whose phase
depends on the agent's start. With the defaults of 10 s, 2 s and 60 s, these waits are 5 s, 2 s and 0 to 60 s. The table shows everything
else. The parts: until the broker has replied; until the window closes, which follows from the settings; and from there to acceptance, with the
wait for the release.

**The event loop.** An application in a separate process increments a counter with two tags, in ${EVENT_LOOP_CONTEXTS} contexts in turn, 1,000 times a
second, from a timer of a millisecond. \`perf_hooks.monitorEventLoopDelay\`, with a resolution of 1 ms, measures the longest time between
two turns of its timer: in the first two seconds (loading, connecting) and in the four seconds after that. The row without a client is the
same application with an empty function. Other clients send with their defaults; prom-client is scraped once, in the middle. All
increments must arrive at the sink (99 % of datagrams, which can get lost).`,
  run: async ({ quick, rounds, trees, folder, say }) => {
    const plan = { quick, trees, folder };
    const accepted = await acceptance({
      ...plan,
      rounds: Math.min(rounds, MAX_ROUNDS.acceptance),
      say: (text) => say(`acceptance: ${text}`),
    });
    const held = await eventLoop({
      ...plan,
      rounds: Math.min(rounds, MAX_ROUNDS.eventLoop),
      say: (text) => say(`event loop: ${text}`),
    });
    return { tables: [...accepted, held] };
  },
};
