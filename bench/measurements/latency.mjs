/** End to end: from a call to the intake's acceptance, and how long an application is held up. */
import { ACCEPTANCE_RATE, acceptance } from "./latency/acceptance.mjs";
import { EVENT_LOOP_CONTEXTS, eventLoop } from "./latency/event-loop.mjs";

/** A round takes most of a minute. */
const MOST_ROUNDS = { acceptance: 2, eventLoop: 3 };

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "latency",
  title: "End to end",
  about: `**From the call to the acceptance.** An application makes ${ACCEPTANCE_RATE.toLocaleString("en-US")} calls a second of a gauge, each with a value of its own, by which it is
known again at a stand-in for Datadog. Application, broker, agent and intake are processes of their own on loopback; the intake's is that of
the suite. The agent has the smallest windows that make sense: AGGREGATE_INTERVAL=1, RELEASE_INTERVAL=1, and AGGREGATE_GRACE=0 where each
call is a record, 1 where the client aggregates (its second's records come when the second is over). Each value must arrive, or the run fails.

A call waits by its settings: until the second is over and for the grace, that is 0.5 s and the grace in the middle, and then 0 to 1 s for
the next release, whose beat is given by the agent's start. With the defaults of 10 s, 2 s and 60 s the same waits are 5 s, 2 s and 0 to 60 s; what else it takes is what is shown
here. The parts: until the broker has answered; until the window is closed, which is the settings' own; and from there to the acceptance,
the wait for the release included.

**The event loop.** An application calls an increment with two tags of ${EVENT_LOOP_CONTEXTS} contexts in turn 1,000 times a second, by a timer of a
millisecond, in a process of its own. \`perf_hooks.monitorEventLoopDelay\` with a resolution of 1 ms says the longest time between two turns of its
timer, in the beginning (the first two seconds: loading it, connecting) and in the four seconds after that. The row without a client is the same application with an empty function. Peers
send as they do by themselves; prom-client is fetched from once, in the middle. All increments must arrive at the far end (of datagrams, which may get lost, 99 %).`,
  run: async ({ quick, rounds, trees, folder, say }) => {
    const plan = { quick, trees, folder };
    const accepted = await acceptance({
      ...plan,
      rounds: Math.min(rounds, MOST_ROUNDS.acceptance),
      say: (text) => say(`acceptance: ${text}`),
    });
    const held = await eventLoop({
      ...plan,
      rounds: Math.min(rounds, MOST_ROUNDS.eventLoop),
      say: (text) => say(`event loop: ${text}`),
    });
    return { tables: [...accepted, held] };
  },
};
