/** Drains a backlog, with the agent of a tree or with the bare loop. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RedisStore } from "@chouette-iot/queue/redis";
import { startSubject } from "../suite/child.mjs";
import { startAgent } from "./agent.mjs";
import { copyBacklog, RAW, READY } from "./backlog.mjs";
import { startSummingIntake } from "./intake.mjs";
import { startRedis } from "./redis.mjs";
import { freePort } from "./server.mjs";
import { until } from "./until.mjs";

const MILLION = 1e6;
const DEADLINE = { everyMs: 10, deadlineMs: 240_000 };

/**
 * @typedef {object} Drained
 * @property {number} seconds  from the process' start to the raw queue's end
 * @property {number} [working]  of these, those since the agent said that it runs
 * @property {number} fromStart  records a second in that time
 * @property {number} [steady]  records a second from the first that was settled to the last; none if all were settled together
 * @property {number} cpu  seconds of CPU per million records, from the process' start to the raw queue's end
 * @property {number} peak  the most that the process had resident, in MB
 */

/**
 * Drains it with the agent, with default settings except for its addresses. The intake is unavailable until the raw queue is
 * empty: otherwise the dispatch, which has its own measurement, would take part of the time. Then a reload of the settings
 * brings the next release forward, so that the result can be checked at the intake.
 *
 * @param {import("./backlog.mjs").Backlog} backlog
 * @param {import("../suite/measurement.mjs").Tree} tree
 * @param {string} folder
 * @returns {Promise<Drained>}
 */
export async function drainByAgent(backlog, tree, folder) {
  const { records, counted } = backlog;
  const copy = await copyBacklog(backlog, folder);
  const intake = await startSummingIntake({ isOpen: false });
  const broker = await openBroker(backlog, copy.folder, folder);
  const settingsFile = join(copy.folder, "chouette.yaml");
  await writeFile(settingsFile, "release_interval: 60\n");
  const begun = performance.now();
  const agent = await startAgent(tree, {
    ...broker.settings,
    CHOUETTE_CONFIG: settingsFile,
    DATADOG_URL: `${intake.url}/api`,
  });
  const running = performance.now();
  const watch = new RedisStore({ port: broker.port });
  try {
    const first = { at: 0, left: records };
    await until(
      "the raw queue's end",
      async () => {
        const left = await watch.size(RAW);
        if (first.at === 0 && left < records) Object.assign(first, { at: performance.now(), left });
        return left === 0;
      },
      DEADLINE,
    );
    const ended = performance.now();
    const cpuSeconds = agent.cpuSeconds();
    intake.open();
    await writeFile(settingsFile, "release_interval: 1\n");
    process.kill(agent.pid, "SIGHUP");
    await until("the ready queue's end", async () => (await watch.size(READY)) === 0, DEADLINE);
    intake.check();
    if (intake.counted() !== counted) {
      throw new Error(`of a sum of ${counted} in the backlog ${intake.counted()} arrived at the intake`);
    }
    return figures(backlog, {
      seconds: (ended - begun) / 1000,
      working: (ended - running) / 1000,
      steadyRecords: first.left,
      steadySeconds: (ended - first.at) / 1000,
      cpuSeconds,
      peakBytes: agent.memory().peak,
    });
  } finally {
    await watch.close();
    await agent.stop();
    await broker.stop();
    await intake.close();
    await copy.remove();
  }
}

/**
 * Drains it with the bare loop: see subjects/bare-loop.mjs.
 *
 * @param {import("./backlog.mjs").Backlog} backlog
 * @param {string} folder
 * @param {number} ofHistogram  how many ready records it stores per histogram
 * @returns {Promise<Drained>}
 */
export async function drainByBareLoop(backlog, folder, ofHistogram) {
  const copy = await copyBacklog(backlog, folder);
  const broker = await openBroker(backlog, copy.folder, folder);
  const begun = performance.now();
  const loop = startSubject(new URL("../subjects/bare-loop.mjs", import.meta.url));
  try {
    const place = backlog.kind === "redis" ? { port: broker.port } : { directory: copy.folder };
    const done = await loop.ask("run", { ...place, ofHistogram });
    const seconds = (performance.now() - begun) / 1000;
    if (done.records !== backlog.records || done.counted !== backlog.counted) {
      throw new Error(`the bare loop worked through ${done.records} records and counted ${done.counted}`);
    }
    return figures(backlog, {
      ...done,
      seconds,
      steadyRecords: done.afterFirst,
      steadySeconds: done.seconds,
    });
  } finally {
    await loop.end();
    await broker.stop();
    await copy.remove();
  }
}

/** The embedded broker is the agent's own: here is only where it shall be. */
async function openBroker({ kind }, copy, folder) {
  if (kind === "redis") {
    const redis = await startRedis(folder, ["--dir", copy]);
    return { port: redis.port, settings: { REDIS_URL: redis.url }, stop: redis.stop };
  }
  const port = await freePort();
  const settings = {
    CHOUETTE_STORAGE_TYPE: "embedded",
    CHOUETTE_DATA_DIR: copy,
    CHOUETTE_LISTEN: `127.0.0.1:${port}`,
  };
  return { port, settings, stop: async () => {} };
}

function figures({ records }, { seconds, working, steadyRecords, steadySeconds, cpuSeconds, peakBytes }) {
  return {
    seconds,
    ...(working === undefined ? {} : { working }),
    fromStart: records / seconds,
    ...(steadyRecords > 0 ? { steady: steadyRecords / steadySeconds } : {}),
    cpu: (cpuSeconds * MILLION) / records,
    peak: peakBytes / 2 ** 20,
  };
}
