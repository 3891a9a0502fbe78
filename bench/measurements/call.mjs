/** A call in the application: what it takes of time and memory, until what it counted has arrived. */
import { CALLS_A_FLUSH } from "../subjects/clients/calls.mjs";
import { startSubject } from "../suite/child.mjs";
import { alternate } from "../suite/rounds.mjs";
import { contenders } from "./call/contenders.mjs";
import { shareArrived, startFarEnds } from "./call/far-ends.mjs";
import { KINDS, tablesOf } from "./call/tables.mjs";

const SCRIPT = new URL("../subjects/calling.mjs", import.meta.url);
/** A young generation in which nothing is collected while a client is weighed: MiB of each of its halves. */
const TO_WEIGH = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];
const [FIRST_KIND] = Object.keys(KINDS);
/** Of CPU time, about. */
const SAMPLE_MS = 120;
const MOST_FLUSHES = 25;
const WEIGHINGS = 3;

const about = `
Each client is called with a name, a value and two tags (route and method), the tags made anew for each call, and one
route for each context. It runs in a process of its own that makes bursts of 500 calls, comes back to its event loop
after each, and has everything delivered after ${CALLS_A_FLUSH.toLocaleString("en-US")} calls. Given are

- **the call**: the time on the clock within the calls, which is what the application is held up by;
- **until it has arrived**: the CPU time of the whole process, from the first call until all is delivered, by the number
  of calls. A client that puts its work off gains nothing here;
- **bytes**: what a call and its delivery allocate on V8's heap: its growth over ${CALLS_A_FLUSH.toLocaleString("en-US")} calls in a process whose young
  generation is so large that nothing is collected meanwhile (checked), the median of ${WEIGHINGS}.

Where it arrives: for chouette-iot-client a redis-server, from which all is read back; for hot-shots a UDP socket on
loopback (DogStatsD's way), for datadog-metrics a reporter of our own in place of its HTTP request, for prom-client the text
that Prometheus would fetch, for OpenTelemetry an export in memory, cumulative as by default: the last three are spared the
way to another process, which ours and hot-shots' include. A receiver in another process is not counted.
Checked after each sample: the sum of the increments, the last value of each gauge, the number of the histogram's samples.
Datagrams may get lost: of hot-shots the part that arrived is given; a call of any other client that is missing, or
counted twice, fails the run.

Beside each other stand different services. chouette-iot-client and hot-shots send each sample of a histogram,
datadog-metrics keeps each until it is delivered, prom-client and OpenTelemetry only count them into buckets.
Only chouette-iot-client stores what it delivers in a broker that outlives the program and answers for it.
hot-shots' settings are \`maxBufferSize: 8192\` (buffered), and \`aggregation: true\` with that (aggregated, which spares
histograms by its documentation).
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

/** All contenders at one kind of call and one number of contexts. */
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
  return Math.min(Math.max(flushes, 1), MOST_FLUSHES);
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

/** In another process, with another young generation. @returns bytes a call, of each time; undefined for none */
async function weighed(job, times) {
  if (times === 0) return undefined;
  const program = startSubject(SCRIPT, { nodeFlags: TO_WEIGH });
  try {
    await program.ask("open", job);
    // What is compiled and set up once is no part of a call.
    await program.ask("weigh");
    const samples = [];
    for (let time = 0; time < times; time++) samples.push((await program.ask("weigh")).bytes);
    return samples;
  } finally {
    await program.end();
  }
}
