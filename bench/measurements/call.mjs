/** A call in the application: its time and memory until the recorded values have arrived. */
import { CALLS_A_FLUSH } from "../subjects/clients/calls.mjs";
import { startSubject } from "../suite/child.mjs";
import { alternate } from "../suite/rounds.mjs";
import { contenders } from "./call/contenders.mjs";
import { shareArrived, startFarEnds } from "./call/far-ends.mjs";
import { KINDS, tablesOf } from "./call/tables.mjs";

const SCRIPT = new URL("../subjects/calling.mjs", import.meta.url);
/** Size of a semi-space in MiB, so large that nothing is collected while allocations are measured. */
const TO_WEIGH = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];
const [FIRST_KIND] = Object.keys(KINDS);
/** Of CPU time, about. */
const SAMPLE_MS = 120;
const MAX_FLUSHES = 25;
const WEIGHINGS = 3;

const about = `
Each client is called with a name, a value and two tags (route and method). The tags are created for each call, with one route
per context. The client runs in a separate process that makes bursts of 500 calls, returns to its event loop after each burst, and
delivers everything after ${CALLS_A_FLUSH.toLocaleString("en-US")} calls. The tables show

- **the call**: wall-clock time within the calls, for which the application is blocked;
- **until it has arrived**: CPU time of the whole process, from the first call until everything is delivered, divided by the number
  of calls. A client gains nothing here by deferring work;
- **bytes**: allocations of a call and its delivery on V8's heap: its growth over ${CALLS_A_FLUSH.toLocaleString("en-US")} calls in a process whose young
  generation is so large that no collection happens (checked), the median of ${WEIGHINGS}.

The sinks: for chouette-iot-client a redis-server, from which everything is read back; for hot-shots a UDP socket on loopback
(as with DogStatsD); for datadog-metrics our reporter in place of its HTTP request; for prom-client the text that
Prometheus would scrape; for OpenTelemetry an export in memory, cumulative by default. The last three don't pay for the way to another
process; chouette-iot-client and hot-shots do. A receiver in another process is not counted. After each sample, the test checks
the sum of the increments, the last value of each gauge, and the number of the histogram's samples. Datagrams can get lost: for
hot-shots, the table shows the share that arrived. If a call of any other client is missing or counted twice, the run fails.

The clients do different things. chouette-iot-client and hot-shots send each sample of a histogram, datadog-metrics keeps
each until it is delivered, prom-client and OpenTelemetry only count them into buckets. Only chouette-iot-client stores
data in a broker that outlives the program, and waits for the reply. hot-shots' settings are \`maxBufferSize: 8192\` (buffered), and
\`aggregation: true\` in addition (aggregated; according to its documentation, not for histograms).
`;

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "call",
  title: "A call in the application",
  about,
  run: async (run) => {
    const farEnds = await startFarEnds(run.folder);
    try {
      const cells = [];
      for (const kind of Object.keys(KINDS)) {
        for (const contexts of run.quick ? [10] : [1, 10, 1_000]) {
          run.say(`${kind}, contexts: ${contexts}`);
          cells.push(await cell({ ...run, farEnds: farEnds.of, kind, contexts }));
        }
      }
      return { tables: tablesOf(cells) };
    } finally {
      await farEnds.stop();
    }
  },
};

/** All contenders with one kind of call and one number of contexts. */
async function cell({ quick, rounds, trees, farEnds, kind, contexts }) {
  const subjects = contenders(trees).map((contender) => {
    const farEnd = farEnds[contender.farEnd];
    const job = { ...contender, kind, contexts, port: farEnd.port };
    return { contender, job, farEnd, program: startSubject(SCRIPT) };
  });
  try {
    await Promise.all(subjects.map(({ program, job }) => program.ask("open", job)));
    const work = new Map();
    for (const subject of subjects) work.set(subject, quick ? 1 : await flushesOfASample(subject));
    const samples = await alternate({
      rounds,
      subjects,
      sample: (subject) => timed(subject, work.get(subject)),
      say: () => {},
    });
    const weighings = quick ? Number(kind === FIRST_KIND) : WEIGHINGS;
    const bytes = await Promise.all(subjects.map(({ job }) => weighed(job, weighings)));
    const rows = subjects.map((subject, index) => ({
      ...subject.contender,
      samples: { ...samples.get(subject), bytes: bytes[index] },
    }));
    return { kind, contexts, rows };
  } finally {
    await Promise.all(subjects.map(({ program }) => program.end()));
  }
}

async function flushesOfASample(subject) {
  const { cpu } = await timed(subject, 1);
  const flushes = Math.round((SAMPLE_MS * 1e6) / (cpu * CALLS_A_FLUSH));
  return Math.min(Math.max(flushes, 1), MAX_FLUSHES);
}

async function timed({ contender, job, program, farEnd }, flushes) {
  await farEnd.clear();
  const { clock, cpu, called } = await program.ask("time", { flushes });
  const calls = flushes * CALLS_A_FLUSH;
  const share = shareArrived(await farEnd.arrived(program), { ...job, calls, called });
  if (share < contender.least || share > 1) {
    throw new Error(
      `${contender.label}: of ${calls} calls of ${job.kind} with ${job.contexts} contexts arrived ${share * 100} %`,
    );
  }
  return { clock, cpu, share: share * 100 };
}

/**
 * In another process, with a larger young generation. @returns bytes per call of each repetition; undefined if not
 * measured
 */
async function weighed(job, times) {
  if (times === 0) return undefined;
  const program = startSubject(SCRIPT, { nodeFlags: TO_WEIGH });
  try {
    await program.ask("open", job);
    // Excludes what is compiled and set up only once.
    await program.ask("weigh");
    const samples = [];
    for (let time = 0; time < times; time++) samples.push((await program.ask("weigh")).bytes);
    return samples;
  } finally {
    await program.end();
  }
}
