/** The dispatch's CPU time: a backlog of ready metrics is read, encoded, compressed, sent and settled. */
import { startSubject } from "../suite/child.mjs";
import { alternate } from "../suite/rounds.mjs";
import { ourLabel, seriesVersions } from "../suite/trees.mjs";
import { startSummingIntake } from "../support/intake.mjs";

const HOURS = 24;
const QUICK_HOURS = 1;
const MILLION = 1e6;

/** @type {readonly import("../suite/measurement.mjs").Figure[]} */
const FIGURES = [
  { key: "cpu", title: "CPU per million points", unit: "s", digits: 2, better: "less" },
  { key: "bytes", title: "body bytes per point", unit: "bytes", digits: 2, better: "less" },
];

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "dispatch",
  title: "Through the dispatch",
  about: `A host's metrics of ${HOURS} h wait in the ready queue, after an outage of that length (the workload of "On the wire"). The agent's
dispatcher and output send them in one release, in a new process per round: it reads pages, decodes records, makes batches, encodes and
compresses bodies, sends them over HTTP/1.1 to a stand-in for Datadog in the suite's process, and settles. The queue is in memory, so no
store is measured. CPU is that of the process, the compressor's threads included. Every point must be delivered, or the run fails.`,
  run: async ({ quick, rounds, trees, say }) => {
    const subjects = trees.flatMap((tree) =>
      seriesVersions(tree).map((seriesVersion) => ({ tree, seriesVersion })),
    );
    const samples = await alternate({
      ...{ rounds, subjects, say, warmUp: false },
      sample: ({ tree, seriesVersion }) => send(tree, seriesVersion, quick ? QUICK_HOURS : HOURS),
    });
    const labelOf = ({ tree, seriesVersion }) => ourLabel(`the agent, series ${seriesVersion}`, tree, trees);
    const rows = subjects.map((subject) => ({
      label: labelOf(subject),
      samples: samples.get(subject) ?? {},
    }));
    const title = `A host's metrics of ${quick ? QUICK_HOURS : HOURS} h`;
    return { tables: [{ title, figures: FIGURES, baseline: labelOf(subjects[0]), rows }] };
  },
};

async function send(tree, seriesVersion, hours) {
  const intake = await startSummingIntake();
  const subject = startSubject(new URL("../subjects/dispatching.mjs", import.meta.url));
  try {
    const sent = await subject.ask("send", { tree, url: intake.url, hours, seriesVersion });
    intake.check();
    return { cpu: (sent.cpuSeconds * MILLION) / sent.points, bytes: sent.bytes / sent.points };
  } finally {
    await subject.end();
    await intake.close();
  }
}
