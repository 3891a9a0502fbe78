/** The agent's throughput: a backlog of raw records becomes ready metrics. */
import { alternate } from "../suite/rounds.mjs";
import { ourLabel } from "../suite/trees.mjs";
import { fillBacklog, removeBacklog } from "../support/backlog.mjs";
import { KINDS } from "../support/broker.mjs";
import { drainByAgent, drainByBareLoop } from "../support/drain.mjs";

const RECORDS = 1_000_000;
const QUICK_RECORDS = 20_000;
const CONTEXTS = [100, 10_000];
/** Each subject is a new process that works for seconds: a few rounds are enough, fewer if a round takes long. */
const MAX_ROUNDS = { 100: 3, 10000: 2 };
/** @type {Readonly<Record<import("../support/broker.mjs").Kind, string>>} */
const BROKERS = { redis: "Redis", embedded: "the embedded broker" };
/** Labels, and how many ready records are stored per histogram. */
const BARE_LOOPS = [
  { label: "bare loop, the ceiling", ofHistogram: 1 },
  { label: "bare loop, as many ready metrics as the agent", ofHistogram: 5 },
];

/** @type {readonly import("../suite/measurement.mjs").Figure[]} */
const FIGURES = [
  { key: "steady", title: "first settled to last", unit: "records/s", better: "more" },
  { key: "fromStart", title: "from the process' start", unit: "records/s", better: "more" },
  { key: "cpu", title: "CPU per million records", unit: "s", digits: 2, better: "less" },
  { key: "peak", title: "peak of resident memory", unit: "MB", better: "less" },
];

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "agent",
  title: "Through the agent",
  about: `A backlog of ${RECORDS.toLocaleString("en-US")} raw records waits in the broker, 2,000 for each second of device time: counts, gauges and
histograms with two tags, of 100 or of 10,000 contexts in turn. The agent starts as a separate process with its default settings, without
collectors and self metrics, and runs until the raw queue is empty. Until then the stand-in for Datadog answers 503, so that the dispatch
takes no part of the time. Then the next release is brought forward. The sum of all counts must
arrive at the stand-in, or the run fails. Each run begins with a copy of the same backlog, in a new redis-server without
persistence or in copied files.

There are two rates: from the start of the process, including loading, connecting and the check of the embedded broker's files; and from
the first settlement to the last. CPU is that of the process (without redis-server) from its start until the raw queue is empty. The
peak of memory is that of the whole run, including delivery and the pages of the program's own files.

The bare loop has the same driver and page size. It reads a page of 2,000 (ZRANGE and HMGET; a read of the store) while it processes the page before,
parses each record with \`JSON.parse\`, and aggregates it by window, name, type and sorted tags. When a window is over, it stores one ready
record per context and deletes the raw ones in one step. It validates nothing, keeps no state, counters or fences, computes one number for a
histogram where the agent computes five, and sends nothing. Its own sums must equal the backlog's. A second one stores that number five times:
so it stores as many ready metrics as the agent, a million in all with 10,000 contexts where the first stores half as many.`,
  run: async ({ quick, rounds, trees, folder, say }) => {
    const records = quick ? QUICK_RECORDS : RECORDS;
    const tables = [];
    for (const kind of KINDS) {
      for (const contexts of CONTEXTS) {
        // Filled by each tree: an earlier one can't read the files of a later embedded broker.
        const backlogs = new Map();
        for (const tree of trees)
          backlogs.set(tree, await fillBacklog(kind, { records, contexts }, tree, folder));
        const title = `${BROKERS[kind]}, ${contexts.toLocaleString("en-US")} contexts`;
        const plan = { rounds: Math.min(rounds, MAX_ROUNDS[contexts]), trees, folder };
        tables.push(await measured(title, backlogs, { ...plan, say: (text) => say(`${title}: ${text}`) }));
        for (const backlog of backlogs.values()) await removeBacklog(backlog);
      }
    }
    return { tables };
  },
};

async function measured(title, backlogs, { rounds, trees, folder, say }) {
  const ours = trees.map((tree) => ({
    label: ourLabel("the agent", tree, trees),
    drain: () => drainByAgent(backlogs.get(tree), tree, folder),
  }));
  const bareLoops = BARE_LOOPS.map(({ label, ofHistogram }) => ({
    label,
    drain: () => drainByBareLoop(backlogs.get(trees[0]), folder, ofHistogram),
  }));
  const subjects = [...ours, ...bareLoops];
  const samples = await alternate({ rounds, warmUp: false, subjects, sample: ({ drain }) => drain(), say });
  const rows = subjects.map((subject) => ({ label: subject.label, samples: samples.get(subject) }));
  return { title: `From ${title}`, figures: FIGURES, baseline: ours[0].label, rows };
}
