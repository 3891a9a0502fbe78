/**
 * The chain from devices through a gateway to the intake: agents, including the gateway, are killed at random points,
 * and links are cut. Every sum is exact. Every log arrives once, except those in the last request of a gateway that was
 * killed: it may not have settled them. Each request shows that the one before was settled.
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

/** An agent that is killed and started again. @param settings called before each start */
async function startAgent(settings: () => AgentSettings | Promise<AgentSettings>) {
  let running: Running = await startAgentProcess(await settings());
  cleanUps.push(() => running.end("SIGKILL"));
  return {
    kill: async () => {
      await running.end("SIGKILL");
      running = await startAgentProcess(await settings());
    },
  };
}

/**
 * The intake for logs. Each process of the gateway sends to one of its own, so that a request that was on its way when the
 * process was killed isn't taken for one of the next.
 */
function newLogIntakes() {
  /** By process: the texts in each request that was accepted. */
  const processes: string[][][] = [];
  const arrived = new Set<string>();
  return {
    arrived,
    /** The URL for the next process. */
    next: async (): Promise<string> => {
      const requests: string[][] = [];
      processes.push(requests);
      const intake = await startIntake({
        onRequest: ({ submission, status = 0 }) => {
          if (status >= 300 || submission.logs.length === 0) return;
          const texts = submission.logs.map(
            ({ fields }) => (fields as { readonly message: { readonly msg: string } }).message.msg,
          );
          requests.push(texts);
          for (const text of texts) arrived.add(text);
        },
      });
      cleanUps.push(() => intake.close());
      return intake.url;
    },
    /** Logs that arrived again after their gateway had settled them, or twice in one request. */
    repeated: (): readonly string[] => {
      const settled = new Set<string>();
      return processes.flatMap((requests, process) =>
        requests.flatMap((texts, index) => {
          const twice = texts.filter((text, at) => settled.has(text) || texts.indexOf(text) !== at);
          const isSettled = index < requests.length - 1 || process === processes.length - 1;
          if (isSettled) for (const text of texts) settled.add(text);
          return twice;
        }),
      );
    },
    /** How many arrived again, because their gateway was killed before it could settle them. */
    unsettled: (): number => processes.flat(2).length - arrived.size,
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
  const intake = await startIntake();
  cleanUps.push(() => intake.close());
  const logIntakes = newLogIntakes();
  const { port, settings } = await newBroker();
  const gateway = await startAgent(async () => ({
    ...settings,
    API_KEY: "any",
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: await logIntakes.next(),
  }));
  const link = await startFaultyLink(port, () => pick(random, LINK_FAULTS));
  cleanUps.push(() => link.stop());
  const devices = await Promise.all(
    Array.from({ length: DEVICES }, async (_, index) => {
      const host = `device-${index}`;
      const broker = await newBroker();
      const agent = await startAgent(() => ({
        ...broker.settings,
        HOST: host,
        GATEWAY_URL: `redis://127.0.0.1:${link.port}`,
      }));
      return { host, ...agent, ...startProgram(broker.port, host) };
    }),
  );
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(random() * 1_500);
    const victim = kill % 2 === 0 ? gateway : devices[Math.floor(random() * DEVICES)];
    await victim?.kill();
  }
  for (const device of devices) await device.stop();
  link.calm();
  await until(
    "every sum and every log",
    () =>
      devices.every(
        ({ host, sum, logs }) =>
          arrivedSum(intake, host) === sum() && logs().every((text) => logIntakes.arrived.has(text)),
      ),
    80_000,
  ).catch(() => {});
  expect(devices.map(({ host }) => arrivedSum(intake, host))).toEqual(devices.map(({ sum }) => sum()));
  expect(devices.flatMap(({ logs }) => logs().filter((text) => !logIntakes.arrived.has(text)))).toEqual([]);
  expect(logIntakes.repeated()).toEqual([]);
  process.stdout.write(
    `${KILLS} kills: ${logIntakes.unsettled()} logs arrived again after a gateway was killed\n`,
  );
});
