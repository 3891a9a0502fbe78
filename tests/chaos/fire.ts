/**
 * A run under fire: applications record, everything around them fails by the schedule, then all is calm, and what the
 * intake and the store have is held against the model.
 *
 * Read faults.ts for what goes wrong, application.mjs and journals.ts for what was stored, expectation.ts for what
 * should have arrived, malformed.ts for what should have been set aside, ledger.ts for the sums of the store.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { queueNames } from "@chouette-iot/queue";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { type AgentSettings, startAgentProcess } from "../support/agent-process.js";
import { startFaultyLink } from "../support/faulty-link.js";
import { newFolder } from "../support/folders.js";
import { ownRandom, type Random, seededRandom } from "../support/random.js";
import { type Running, run } from "../support/running.js";
import { type BrokerName, type BrokerUnderFire, startBrokerUnderFire, untilNothingWaits } from "./brokers.js";
import { Expectation } from "./expectation.js";
import { type Disaster, intakeFaults, linkFaults, nextDisaster } from "./faults.js";
import { type Life, readJournals } from "./journals.js";
import { checkLedger, readRejected, refusedMetrics } from "./ledger.js";
import { checkMalformed, type Malformed, type MalformedWriter, startMalformedWriter } from "./malformed.js";

export interface FireOptions {
  readonly broker: BrokerName;
  readonly seed: number;
  readonly seconds: number;
  /** Told of each disaster, and how the run goes on. */
  readonly say: (line: string) => void;
}

export interface Findings {
  /** Each a line; none where all is as it should be. */
  readonly differences: readonly string[];
  readonly stored: number;
  readonly whole: number;
  readonly inParts: number;
  readonly refused: number;
  readonly malformed: number;
}

const program = fileURLToPath(new URL("./application.mjs", import.meta.url));
const { rawMetrics } = queueNames();
const APPLICATIONS = 4;
/** In seconds; the applications take it for granted. */
const WINDOW = 2;
const REFUSED = "this metric is refused on purpose";
const DRAINED_WITHIN_MS = 60_000;

export async function underFire({ broker: name, seed, seconds, say }: FireOptions): Promise<Findings> {
  const random = seededRandom(seed);
  const broker = await startBrokerUnderFire(name, ownRandom(random));
  const folder = await newFolder();
  let isCalm = false;
  const faults = intakeFaults(ownRandom(random));
  const intake = await startIntake({
    rules: (asked) => (isCalm ? undefined : faults(asked)),
    refuse: ({ metric }) => (metric === "fire.refused" ? REFUSED : undefined),
  });
  const intakeLink = await startFaultyLink(
    Number(new URL(intake.url).port),
    linkFaults(ownRandom(random), 0.1),
  );
  const scene = new Scene(broker, folder.path, ownRandom(random), {
    API_KEY: "any",
    DATADOG_URL: `http://127.0.0.1:${intakeLink.port}/api`,
    AGGREGATE_INTERVAL: `${WINDOW}`,
    AGGREGATE_GRACE: "1",
    RELEASE_INTERVAL: "1",
    METRICS_BULK_SIZE: "20",
    REJECTED_MAX_RECORDS: "1000000",
    ...broker.agentSettings,
  });
  try {
    await scene.begin();
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
      const { restMs, disaster } = nextDisaster(random, APPLICATIONS, broker.redis !== undefined);
      await pass(restMs);
      say(`${Math.max(0, Math.round((end - Date.now()) / 1000))} s to go: ${JSON.stringify(disaster)}`);
      await scene.suffer(disaster);
    }
    isCalm = true;
    broker.calm();
    intakeLink.calm();
    say(
      `calm, after ${broker.clientLink.faults()} faults of the applications' link, ${intakeLink.faults()} of the intake's`,
    );
    const recorded = await scene.end();
    const store = await broker.openStore();
    try {
      return await judge(store, recorded, intake.points());
    } finally {
      await store.close();
    }
  } finally {
    await scene.abandon();
    await intakeLink.stop();
    await intake.close();
    await broker.stop();
    await folder.remove();
  }
}

/** All that was recorded in a run. */
interface Recorded {
  readonly lives: readonly Life[];
  readonly malformed: readonly Malformed[];
}

/** The processes of a run. */
class Scene {
  readonly #broker: BrokerUnderFire;
  readonly #folder: string;
  readonly #random: Random;
  readonly #settings: AgentSettings;
  readonly #lives: Life[] = [];
  readonly #applications: { life: Life; running: Running }[] = [];
  #agent: Running | undefined;
  #malformed: MalformedWriter | undefined;

  constructor(broker: BrokerUnderFire, folder: string, random: Random, settings: AgentSettings) {
    this.#broker = broker;
    this.#folder = folder;
    this.#random = random;
    this.#settings = settings;
  }

  async begin(): Promise<void> {
    this.#agent = await startAgentProcess(this.#settings);
    for (let which = 0; which < APPLICATIONS; which++) await this.#startApplication(which);
    this.#malformed = startMalformedWriter(this.#broker.clientLink.port, ownRandom(this.#random));
  }

  async suffer(disaster: Disaster): Promise<void> {
    const { redis } = this.#broker;
    switch (disaster.kind) {
      case "kill the agent":
      case "end the agent":
        await this.#agent?.end(disaster.kind === "kill the agent" ? "SIGKILL" : "SIGTERM");
        await pass(disaster.downMs);
        this.#agent = await startAgentProcess(this.#settings);
        return;
      case "halt the agent":
        this.#agent?.child.kill("SIGSTOP");
        await pass(disaster.ms);
        this.#agent?.child.kill("SIGCONT");
        return;
      case "kill Redis":
        await redis?.kill();
        await pass(disaster.downMs);
        await redis?.restart();
        return;
      case "halt Redis":
        redis?.signal("SIGSTOP");
        await pass(disaster.ms);
        redis?.signal("SIGCONT");
        return;
      case "kill an application":
        await this.#applications[disaster.which]?.running.end("SIGKILL");
        await this.#startApplication(disaster.which);
    }
  }

  /** Ends the applications, and the agent once nothing waits. */
  async end(): Promise<Recorded> {
    // A new agent doesn't wait for the end of the last one's backoff.
    await this.#agent?.end("SIGKILL");
    this.#agent = await startAgentProcess(this.#settings);
    for (const { running } of this.#applications) {
      running.child.kill("SIGTERM");
      await running.wrote("all is stored", DRAINED_WITHIN_MS);
      await running.ended;
    }
    const malformed = (await this.#malformed?.stop()) ?? [];
    await untilNothingWaits(this.#broker.port, DRAINED_WITHIN_MS);
    await this.#agent.end();
    const lives = this.#lives.map((life) => ({
      ...life,
      wasKilled: !this.#applications.some((application) => application.life === life),
    }));
    return { lives, malformed };
  }

  /** Ends what still runs. */
  async abandon(): Promise<void> {
    await this.#malformed?.stop();
    for (const { running } of this.#applications) await running.end("SIGKILL");
    await this.#agent?.end("SIGKILL");
  }

  async #startApplication(which: number): Promise<void> {
    const name = `${which}.${this.#lives.length}`;
    const journal = join(this.#folder, name);
    const seed = `${Math.floor(this.#random() * 2 ** 32)}`;
    const running = run(process.execPath, [program, `${this.#broker.clientLink.port}`, name, journal, seed]);
    await running.wrote("recording");
    const life = { name, journal, wasKilled: false };
    this.#lives.push(life);
    this.#applications[which] = { life, running };
  }
}

async function judge(
  store: Parameters<typeof checkLedger>[0],
  { lives, malformed }: Recorded,
  points: Parameters<typeof readJournals>[1],
): Promise<Findings> {
  const expectation = new Expectation(WINDOW);
  const { records, broken } = readJournals(lives, points, WINDOW, (call) => expectation.add(call));
  const setAside = await readRejected(store);
  const refused = refusedMetrics(setAside, REFUSED).flatMap((metric) =>
    metric.points.map(([at, value]) => ({ ...metric, at, value })),
  );
  const { differences, ...parts } = expectation.compare([...points, ...refused]);
  const spoiled = checkMalformed(malformed, setAside);
  const unexpected = setAside
    .filter(({ queue, reason }) => queue !== rawMetrics && !reason.includes(REFUSED))
    .map(({ reason, value }) => `${value} was set aside: ${reason}`);
  const wrong = await checkLedger(store, records + spoiled.stored);
  return {
    differences: [...broken, ...differences, ...spoiled.differences, ...unexpected, ...wrong],
    stored: records,
    refused: refused.length,
    malformed: spoiled.stored,
    ...parts,
  };
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
