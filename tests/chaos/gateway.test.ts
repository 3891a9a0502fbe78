/**
 * The chain from devices through a gateway to the intake: agents, including the gateway, are killed at random points,
 * and links are cut. Every sum is exact. Every log arrives once, except those in a request during which the gateway was
 * killed: it can't know whether they were accepted.
 *
 * A short run with two devices; `npm run chaos` sets CHAOS_SECONDS for a longer one, with ten.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ChouetteClient } from "chouette-iot-client";
import { expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { type AgentSettings, startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type LinkFault, startFaultyLink } from "../support/faulty-link.js";
import { newFolder } from "../support/folders.js";
import { reservedPort } from "../support/ports.js";
import { pick, seededRandom } from "../support/random.js";
import type { Running } from "../support/running.js";
import { until } from "../support/until.js";

const LONG_SECONDS = Number(process.env.CHAOS_SECONDS ?? 0);
const DEVICES = LONG_SECONDS > 0 ? 10 : 2;
const KILLS = LONG_SECONDS > 0 ? Math.round(LONG_SECONDS / 2) : 2;
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const TURN_MS = 50;
/** Maximum time between a request that a killed gateway didn't settle and the kill, as observed here. */
const UNSETTLED_MS = 3_000;
const LINK_FAULTS: readonly (readonly [number, LinkFault | undefined])[] = [
  [400, undefined],
  [1, { kind: "cut" }],
  [1, { kind: "cut half way" }],
  [1, { kind: "cut and deliver", ms: 500 }],
];
const SETTINGS: AgentSettings = { AGGREGATE_INTERVAL: "1", AGGREGATE_GRACE: "0", RELEASE_INTERVAL: "1" };

const cleanUps = cleanUpsAfterEach();
async function newBroker(): Promise<{ readonly port: number; readonly settings: AgentSettings }> {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const port = await reservedPort();
  const settings = { ...SETTINGS, CHOUETTE_LISTEN: `127.0.0.1:${port}`, CHOUETTE_DATA_DIR: folder.path };
  return { port, settings };
}

/** An agent that is killed and started again. */
async function startAgent(settings: AgentSettings) {
  let running: Running = await startAgentProcess(settings);
  cleanUps.push(() => running.end("SIGKILL"));
  return {
    kill: async () => {
      await running.end("SIGKILL");
      running = await startAgentProcess(settings);
    },
  };
}

/** A program of a device that counts and logs. */
function startProgram(port: number, host: string) {
  const client = new ChouetteClient({ port, bufferRecords: 100_000 });
  cleanUps.push(() => client.close({ timeoutMs: 1 }));
  let sum = 0;
  const log = client.logSink({ service: "work" });
  const logs: string[] = [];
  const timer = setInterval(() => {
    client.count("work", logs.length, { tags: { zone: `z${logs.length % 3}` } });
    sum += logs.length;
    const text = `${host} ${logs.length}`;
    log.info(text);
    logs.push(text);
  }, TURN_MS);
  return {
    logs: () => logs,
    sum: () => sum,
    stop: async () => {
      clearInterval(timer);
      expect(await client.flush({ timeoutMs: 30_000 })).toBe(true);
    },
  };
}

function arrivedSum(intake: Intake, host: string): number {
  const points = intake.points().filter((point) => point.metric === "work" && point.host === host);
  return points.reduce((sum, { value }) => sum + value, 0);
}

it(`sums are exact and logs arrive once, whatever is killed and cut (seed ${SEED})`, {
  timeout: 180_000 + LONG_SECONDS * 2_000,
}, async () => {
  const random = seededRandom(SEED);
  /** When each log arrived, by its text. */
  const arrivals = new Map<string, number[]>();
  const intake = await startIntake({
    onRequest: ({ submission, status = 0 }) => {
      for (const log of status < 300 ? submission.logs : []) {
        const { message } = log.fields as { readonly message: { readonly msg: string } };
        arrivals.set(message.msg, [...(arrivals.get(message.msg) ?? []), Date.now()]);
      }
    },
  });
  cleanUps.push(() => intake.close());
  const { port, settings } = await newBroker();
  const gateway = await startAgent({
    ...settings,
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: intake.url,
  });
  const link = await startFaultyLink(port, () => pick(random, LINK_FAULTS));
  cleanUps.push(() => link.stop());
  const devices = await Promise.all(
    Array.from({ length: DEVICES }, async (_, index) => {
      const host = `device-${index}`;
      const broker = await newBroker();
      const agent = await startAgent({
        ...broker.settings,
        HOST: host,
        GATEWAY_URL: `redis://127.0.0.1:${link.port}`,
      });
      return { host, ...agent, ...startProgram(broker.port, host) };
    }),
  );
  const gatewayKills: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(random() * 1_500);
    const victim = kill % 2 === 0 ? gateway : devices[Math.floor(random() * DEVICES)];
    if (victim === gateway) gatewayKills.push(Date.now());
    await victim?.kill();
  }
  for (const device of devices) await device.stop();
  link.calm();
  await until(
    "every sum and every log",
    () =>
      devices.every(
        ({ host, sum, logs }) =>
          arrivedSum(intake, host) === sum() && logs().every((text) => arrivals.has(text)),
      ),
    80_000,
  ).catch(() => {});
  expect(devices.map(({ host }) => arrivedSum(intake, host))).toEqual(devices.map(({ sum }) => sum()));
  expect(devices.flatMap(({ logs }) => logs().filter((text) => !arrivals.has(text)))).toEqual([]);
  const isExcused = (first = 0) => gatewayKills.some((at) => Math.abs(first - at) < UNSETTLED_MS);
  expect([...arrivals].filter(([, times]) => times.length > 1 && !isExcused(times[0]))).toEqual([]);
});
