/** Idle: the agent's resources when only its host collector is active. */
import { setTimeout as sleep } from "node:timers/promises";
import { startIntake } from "../../packages/agent/dist/intake/intake.js";
import { ourLabel } from "../suite/trees.mjs";
import { startAgentOn } from "../support/agent-on-broker.mjs";
import { KINDS } from "../support/broker.mjs";
import { until } from "../support/until.mjs";

const SECONDS = 180;
const QUICK_SECONDS = 10;
/** So that even the quick run has a round and a release. */
const QUICK_SETTINGS = { CAPTURE_INTERVAL: "2", RELEASE_INTERVAL: "4" };
/** Excludes loading, the first round and the first release. */
const START_SECONDS = 5;
const SAMPLE_MS = 1_000;
const MB = 2 ** 20;
const BROKERS = { redis: "with Redis", embedded: "with the embedded broker" };

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "idle",
  title: "Idle",
  about: `The agent with the host collector, default settings and nothing else to do, for ${SECONDS} s after its first ${START_SECONDS} s: a round of the
collector every 30 s, a release every 60 s to a stand-in for Datadog, where the host's metrics must arrive. The agent on Redis and the one
with the embedded broker run at the same time; both are idle nearly always. CPU and memory are the kernel's figures for the process
(\`/proc\`). Resident memory includes the pages of Node's program file. It is read every second: the table has the median, and the maximum
since the start.`,
  run: async ({ quick, trees, folder, say }) => {
    const seconds = quick ? QUICK_SECONDS : SECONDS;
    say(`${seconds} s`);
    const settings = { COLLECTOR_PLUGINS: "host", ...(quick ? QUICK_SETTINGS : {}) };
    const rows = await Promise.all(
      trees.flatMap((tree) =>
        KINDS.map(async (broker) => ({
          label: ourLabel(BROKERS[broker], tree, trees),
          samples: await rested(
            (url) => startAgentOn(broker, tree, folder, { ...settings, DATADOG_URL: url }),
            seconds,
          ),
        })),
      ),
    );
    /** @type {readonly import("../suite/measurement.mjs").Figure[]} */
    const figures = [
      { key: "cpu", title: "CPU", unit: "% of a core", digits: 2, better: "less" },
      { key: "resident", title: "resident", unit: "MB", digits: 1, better: "less" },
      { key: "peak", title: "resident at most", unit: "MB", digits: 1, better: "less" },
      { key: "points", title: "points that arrived", unit: "" },
    ];
    return { tables: [{ title: `Over ${seconds} s`, figures, rows }] };
  },
};

async function rested(startAt, seconds) {
  const intake = await startIntake();
  const agent = await startAt(`${intake.url}/api`);
  try {
    await sleep(1000 * START_SECONDS);
    const cpuBefore = agent.cpuSeconds();
    const begun = performance.now();
    const resident = [];
    while (performance.now() - begun < 1000 * seconds) {
      await sleep(SAMPLE_MS);
      resident.push(agent.memory().resident / MB);
    }
    const cpu = agent.cpuSeconds() - cpuBefore;
    const took = (performance.now() - begun) / 1000;
    await until("the host's metrics at the intake", () =>
      intake.points().some(({ metric }) => metric.startsWith("Chouette.host.")),
    );
    return {
      cpu: [(100 * cpu) / took],
      resident,
      peak: [agent.memory().peak / MB],
      points: [intake.counts().points.received],
    };
  } finally {
    await agent.stop();
    await intake.close();
  }
}
