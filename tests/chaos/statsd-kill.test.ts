/**
 * Values from a DogStatsD Unix stream count at most once, and exactly once after the next append, however the agent
 * ends.
 */
import { connect } from "node:net";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { type AgentSettings, startAgentProcess, statusPort } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { until } from "../support/until.js";

const ROUNDS = 2;
const SAFE = 200;
const UNSAFE = 100;

let intake: Intake;
const cleanUps = cleanUpsAfterEach();

beforeEach(async () => {
  intake = await startIntake();
  cleanUps.push(() => intake.close());
});

/** This many packets, each with one call, preceded by its length. */
function packets(metric: string, count: number): Buffer {
  const line = Buffer.from(`${metric}:1|c`);
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(line.length);
  return Buffer.concat(Array<Buffer>(count).fill(Buffer.concat([prefix, line])));
}

function arrived(metric: string): number {
  const points = intake.points().filter((point) => point.metric === metric);
  return points.reduce((sum, { value }) => sum + value, 0);
}

it("counts once what was stored before the agent was killed, and nothing twice", async () => {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const path = join(folder.path, "statsd.sock");
  const settings: AgentSettings = {
    ...{ API_KEY: "any", DATADOG_URL: `${intake.url}/api`, CHOUETTE_DATA_DIR: folder.path },
    ...{ AGGREGATE_INTERVAL: "1", AGGREGATE_GRACE: "0", RELEASE_INTERVAL: "1" },
    ...{ CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_HTTP: "127.0.0.1:0" },
    CHOUETTE_STATSD: `unixstream://${path}`,
  };
  const metrics = Array.from({ length: ROUNDS }, (_, round) => `calls.round${round}`);
  for (const metric of metrics) {
    const agent = await startAgentProcess(settings);
    cleanUps.push(() => agent.end("SIGKILL"));
    await agent.wrote(`unixstream://${path}`);
    const port = await statusPort(agent);
    const socket = connect(path).on("error", () => {});
    socket.write(packets(metric, SAFE));
    await until("the calls to be stored", async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/status`);
      const { statsd } = (await answer.json()) as Status;
      if (statsd === undefined) return false;
      const { values, aggregated, stored } = statsd.counters;
      return values === SAFE && stored === values - aggregated;
    });
    // Read or not, stored or not: that is what the kill decides.
    socket.write(packets(metric, UNSAFE));
    await agent.end("SIGKILL");
    socket.destroy();
  }
  const last = await startAgentProcess(settings);
  cleanUps.push(() => last.end());
  await until("what was stored to arrive", () => metrics.every((metric) => arrived(metric) >= SAFE));
  await last.end();
  for (const metric of metrics) expect(arrived(metric), metric).toBeLessThanOrEqual(SAFE + UNSAFE);
});
