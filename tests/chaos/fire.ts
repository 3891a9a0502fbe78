/**
 * A run of the chaos test: applications record while everything around them fails according to the schedule; then the
 * faults end, and the intake and the store are compared with the model.
 *
 * faults.ts has the faults, application.mjs and journals.ts what was stored, expectation.ts what should have arrived,
 * malformed.ts which dead letters there should be, ledger.ts the sums of the store. If the clock is set, totals.ts has
 * what should have arrived, and no malformed records are stored, since their times are corrected too.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { queueNames } from "@chouette-iot/queue";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import type { KeptPoint } from "../../packages/agent/src/intake/kept-points.js";
import { type AgentSettings, startAgentProcess } from "../support/agent-process.js";
import { startFaultyLink } from "../support/faulty-link.js";
import { newFolder } from "../support/folders.js";
import { ownRandom, type Random, seededRandom } from "../support/random.js";
import { type Running, run } from "../support/running.js";
import {
  type BrokerName,
  type BrokerUnderFire,
  startBrokerUnderFire,
  untilAllIsSent,
  untilNothingWaits,
} from "./brokers.js";
import { Expectation } from "./expectation.js";
import { type Disaster, intakeFaults, linkFaults, nextDisaster } from "./faults.js";
import { type Life, readJournals, witnessSums } from "./journals.js";
import { checkLedger, readRejected, refusedMetrics } from "./ledger.js";
import { checkMalformed, type Malformed, type MalformedWriter, startMalformedWriter } from "./malformed.js";
import { Totals } from "./totals.js";

export interface FireOptions {
  readonly broker: BrokerName;
  /** Whether the device's clock is set while it runs. */
  readonly setsClock: boolean;
  readonly seed: number;
  readonly seconds: number;
  /** Called with a line for each disaster, and about progress. */
  readonly say: (line: string) => void;
}

export interface Findings {
  /** One line each; empty if everything is right. */
  readonly differences: readonly string[];
  readonly stored: number;
  readonly whole: number;
  readonly inParts: number;
  readonly refused: number;
  readonly malformed: number;
}

const program = fileURLToPath(new URL("./application.mjs", import.meta.url));
const skewedClock = fileURLToPath(new URL("./skewed-clock.mjs", import.meta.url));
const { rawMetrics } = queueNames();
const APPLICATIONS = 4;
/** So that the queues are working again when the clock is set. */
const CALM_BEFORE_STEP_MS = 3_000;
/** In seconds; the applications rely on it. */
const WINDOW = 2;
const REFUSED = "this metric is refused on purpose";
/** In characters. */
const LAST_WORDS = 2_000;
const DRAINED_WITHIN_MS = 60_000;
/** After the clock was set back, earlier records may be this far in the future. */
const LATE_DRAINED_WITHIN_MS = 120_000;

export async function underFire({
  broker: name,
  setsClock,
  seed,
  seconds,
  say,
}: FireOptions): Promise<Findings> {
  const random = seededRandom(seed);
  const calm = { isCalm: false };
  const broker = await startBrokerUnderFire(name, ownRandom(random), calm);
  const folder = await newFolder();
  const faults = intakeFaults(ownRandom(random));
  const intake = await startIntake({
    rules: (asked) => (calm.isCalm ? undefined : faults(asked)),
    refuse: ({ metric }) => (metric === "fire.refused" ? REFUSED : undefined),
  });
  const faultsOfLink = linkFaults(ownRandom(random), 0.1);
  const intakeLink = await startFaultyLink(Number(new URL(intake.url).port), (direction) =>
    calm.isCalm ? undefined : faultsOfLink(direction),
  );
  const scene = new Scene(broker, {
    folder: folder.path,
    random: ownRandom(random),
    setsClock,
    calm,
    settings: {
      API_KEY: "any",
      DATADOG_URL: `http://127.0.0.1:${intakeLink.port}/api`,
      AGGREGATE_INTERVAL: `${WINDOW}`,
      AGGREGATE_GRACE: "1",
      RELEASE_INTERVAL: "1",
      METRICS_BULK_SIZE: "20",
      REJECTED_MAX_RECORDS: "1000000",
      ...broker.agentSettings,
    },
  });
  try {
    await scene.begin();
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
      const { restMs, disaster } = nextDisaster(random, {
        agents: scene.agents,
        applications: APPLICATIONS,
        hasRedis: broker.redis !== undefined,
        setsClock,
      });
      await sleep(restMs);
      say(`${Math.max(0, Math.round((end - Date.now()) / 1000))} s to go: ${JSON.stringify(disaster)}`);
      await scene.suffer(disaster);
    }
    calm.isCalm = true;
    broker.calm();
    say(
      `calm, after ${broker.clientLink.faults()} faults of the applications' link, ${intakeLink.faults()} of the intake's`,
    );
    const recorded = await scene.end();
    const store = await broker.openStore();
    try {
      return await judge(store, recorded, intake.points(), setsClock);
    } finally {
      await store.close();
    }
  } catch (error) {
    for (const words of scene.lastWords()) say(words);
    throw error;
  } finally {
    await scene.abandon();
    await intakeLink.stop();
    await intake.close();
    await broker.stop();
    await folder.remove();
  }
}

/** All records of a run. */
interface Recorded {
  readonly lives: readonly Life[];
  readonly malformed: readonly Malformed[];
}

interface SceneOptions {
  /** Of the journals. */
  readonly folder: string;
  readonly random: Random;
  readonly setsClock: boolean;
  /** Whether the intake and the link to it have no faults for now. */
  readonly calm: { isCalm: boolean };
  readonly settings: AgentSettings;
}

/** The processes of a run. */
class Scene {
  readonly #broker: BrokerUnderFire;
  readonly #options: SceneOptions;
  readonly #lives: Life[] = [];
  readonly #applications: { life: Life; running: Running }[] = [];
  readonly #skewFile: string;
  #skewMs = 0;
  /** On Redis, a second agent is on standby if the clock is set. */
  readonly #agents: (Running | undefined)[];
  #malformed: MalformedWriter | undefined;

  constructor(broker: BrokerUnderFire, options: SceneOptions) {
    this.#broker = broker;
    this.#options = options;
    this.#skewFile = join(options.folder, "skew");
    this.#agents = Array.from({ length: options.setsClock && broker.redis !== undefined ? 2 : 1 });
  }

  get agents(): number {
    return this.#agents.length;
  }

  async begin(): Promise<void> {
    writeFileSync(this.#skewFile, "0");
    for (const which of this.#agents.keys()) await this.#startAgent(which);
    for (let which = 0; which < APPLICATIONS; which++) await this.#startApplication(which);
    const { setsClock, random } = this.#options;
    if (!setsClock) this.#malformed = startMalformedWriter(this.#broker.clientLink.port, ownRandom(random));
  }

  async suffer(disaster: Disaster): Promise<void> {
    const { redis } = this.#broker;
    switch (disaster.kind) {
      case "kill an agent":
      case "end an agent":
        await this.#agents[disaster.which]?.end(disaster.kind === "kill an agent" ? "SIGKILL" : "SIGTERM");
        await sleep(disaster.downMs);
        await this.#startAgent(disaster.which);
        return;
      case "halt an agent":
        this.#agents[disaster.which]?.child.kill("SIGSTOP");
        await sleep(disaster.ms);
        this.#agents[disaster.which]?.child.kill("SIGCONT");
        return;
      case "kill Redis":
        await redis?.kill();
        await sleep(disaster.downMs);
        await redis?.restart();
        return;
      case "halt Redis":
        redis?.signal("SIGSTOP");
        await sleep(disaster.ms);
        redis?.signal("SIGCONT");
        return;
      case "kill an application":
        await this.#applications[disaster.which]?.running.end("SIGKILL");
        await this.#startApplication(disaster.which);
        return;
      case "set the clock":
        await this.#setClock(disaster.byMs);
    }
  }

  /** The timekeeper documents one limit: it can't correct a body whose answer was lost right before the step. */
  async #setClock(byMs: number): Promise<void> {
    const { calm } = this.#options;
    calm.isCalm = true;
    await this.#restartAgents();
    await untilAllIsSent(this.#broker.port, DRAINED_WITHIN_MS);
    await sleep(CALM_BEFORE_STEP_MS);
    this.#skewMs += byMs;
    // Renamed into place, so that nobody reads half a number.
    writeFileSync(`${this.#skewFile}.new`, `${this.#skewMs}`);
    renameSync(`${this.#skewFile}.new`, this.#skewFile);
    calm.isCalm = false;
  }

  /** A new agent doesn't inherit the previous one's backoff. */
  async #restartAgents(): Promise<void> {
    for (const agent of this.#agents) await agent?.end("SIGKILL");
    for (const which of this.#agents.keys()) await this.#startAgent(which);
  }

  /** Ends the applications, then the agents once nothing is pending. */
  async end(): Promise<Recorded> {
    await this.#restartAgents();
    for (const { running } of this.#applications) {
      running.child.kill("SIGTERM");
      await running.wrote("all is stored", DRAINED_WITHIN_MS);
      await running.ended;
    }
    const malformed = (await this.#malformed?.stop()) ?? [];
    await untilNothingWaits(
      this.#broker.port,
      this.#options.setsClock ? LATE_DRAINED_WITHIN_MS : DRAINED_WITHIN_MS,
    );
    for (const agent of this.#agents) await agent?.end();
    const lives = this.#lives.map((life) => ({
      ...life,
      wasKilled: !this.#applications.some((application) => application.life === life),
    }));
    return { lives, malformed };
  }

  /** The agents' last log lines. */
  lastWords(): readonly string[] {
    return this.#agents.map((agent, which) => `agent ${which}: ${agent?.output().slice(-LAST_WORDS)}`);
  }

  /** Ends all remaining processes. */
  async abandon(): Promise<void> {
    await this.#malformed?.stop();
    for (const { running } of this.#applications) await running.end("SIGKILL");
    for (const agent of this.#agents) await agent?.end("SIGKILL");
  }

  async #startAgent(which: number): Promise<void> {
    this.#agents[which] = await startAgentProcess({ ...this.#options.settings, ...this.#clock() });
  }

  async #startApplication(which: number): Promise<void> {
    const name = `${which}.${this.#lives.length}`;
    const journal = join(this.#options.folder, name);
    const seed = `${Math.floor(this.#options.random() * 2 ** 32)}`;
    const args = [program, `${this.#broker.clientLink.port}`, name, journal, seed];
    const running = run(process.execPath, args, { env: this.#clock() });
    await running.wrote("recording");
    const life = { name, journal, wasKilled: false };
    this.#lives.push(life);
    this.#applications[which] = { life, running };
  }

  #clock(): Readonly<Record<string, string>> {
    if (!this.#options.setsClock) return {};
    return { NODE_OPTIONS: `--import=${skewedClock}`, SKEW_FILE: this.#skewFile };
  }
}

async function judge(
  store: Parameters<typeof checkLedger>[0],
  { lives, malformed }: Recorded,
  points: readonly KeptPoint[],
  setsClock: boolean,
): Promise<Findings> {
  const expectation = setsClock ? new Totals(WINDOW) : new Expectation(WINDOW);
  const sums = setsClock ? undefined : witnessSums(points, WINDOW);
  const { records, broken } = readJournals(lives, sums, (call) => expectation.add(call));
  const setAside = await readRejected(store);
  const refused = refusedMetrics(setAside, REFUSED).flatMap((metric) =>
    metric.points.map(([at, value]) => ({ ...metric, at, value })),
  );
  const { differences, ...parts } = expectation.compare([...points, ...refused]);
  const spoiled = checkMalformed(malformed, setAside);
  const unexpected = setAside
    .filter(({ queue, reason }) => queue !== rawMetrics && !reason.includes(REFUSED))
    .map(({ reason, value }) => `${value} became a dead letter: ${reason}`);
  const wrong = await checkLedger(store, records + spoiled.stored);
  return {
    differences: [...broken, ...differences, ...spoiled.differences, ...unexpected, ...wrong],
    stored: records,
    refused: refused.length,
    malformed: spoiled.stored,
    ...parts,
  };
}
