/**
 * Agents that share the shards of one store, each with its own host name and its own stand-in for Datadog, so that a test
 * knows which agent sent what and when. Their points are kept together, as Datadog keeps them: the last value per series and second.
 */
import { readFileSync } from "node:fs";
import { milliseconds } from "@chouette-iot/record";
import { type AnsweredRequest, type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { type KeptPoint, KeptPoints } from "../../packages/agent/src/intake/kept-points.js";
import { type AgentSettings, startAgentProcess } from "../support/agent-process.js";
import type { Running } from "../support/running.js";

/** A point's value, and the agent that sent it last. */
interface Sent {
  readonly agent: number;
  readonly metric: string;
  readonly at: number;
  readonly value: number;
}

/** A time in which the intake got nothing of a shard, less the length of a window, which an agent has to wait for. */
export interface Idleness {
  readonly shard: number;
  readonly seconds: number;
  /** When it ended, in milliseconds since the epoch. */
  readonly until: number;
}

export interface FleetOptions {
  readonly settings: AgentSettings;
  /** Length of a window in seconds. */
  readonly window: number;
  /** The shard of a ready metric; undefined for other metrics. */
  readonly shardOfReady: (metric: string) => number | undefined;
}

const MAX_POINTS = 5_000_000;
/** The kernel counts CPU time in ticks of 10 ms. */
const TICKS_PER_SECOND = 100;
const LAST_WORDS_LENGTH = 4_000;

/** The agents are numbered from 0; a number keeps its intake when its agent is started again. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #intakes = new Map<number, Intake>();
  readonly #agents = new Map<number, Running>();
  readonly #outputs: string[] = [];
  readonly #points = new KeptPoints(MAX_POINTS);
  readonly #sent = new Map<string, Sent>();
  readonly #senders = new Map<number, { readonly agent: number; readonly at: number }>();
  readonly #logs = new Map<string, number[]>();
  #idleness: Idleness = { shard: 0, seconds: 0, until: 0 };

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Resolves once the agent runs. */
  async start(agent: number): Promise<void> {
    const { url } = this.#intakes.get(agent) ?? (await this.#startIntake(agent));
    const own = { HOST: `agent-${agent}`, DATADOG_URL: `${url}/api`, DATADOG_LOGS_URL: url };
    this.#agents.set(agent, await startAgentProcess({ ...own, ...this.#options.settings }));
  }

  /** Ends an agent by a signal. @returns its exit code, or the signal */
  async end(agent: number, signal: NodeJS.Signals): Promise<number | NodeJS.Signals | undefined> {
    const running = this.#agents.get(agent);
    this.#agents.delete(agent);
    const ended = await running?.end(signal);
    this.#outputs.push(`agent ${agent}, which ended: ${running?.output().slice(-LAST_WORDS_LENGTH)}`);
    return ended;
  }

  signal(agent: number, signal: NodeJS.Signals): void {
    this.#agents.get(agent)?.child.kill(signal);
  }

  /** The numbers of the agents that run or are paused. */
  running(): readonly number[] {
    return [...this.#agents.keys()];
  }

  /** In the order in which they arrived. */
  points(): readonly KeptPoint[] {
    return this.#points.list();
  }

  /** The times at which each log arrived, in milliseconds since the epoch, by its text. */
  logs(): ReadonlyMap<string, readonly number[]> {
    return this.#logs;
  }

  /** Series that have points of several hosts in one window: Datadog would add them up. */
  splitWindows(): readonly string[] {
    const hosts = new Map<string, Set<string>>();
    for (const { metric, tags, at, host } of this.#points.list()) {
      const window = `${metric} ${tags} ${Math.floor(at / this.#options.window)}`;
      hosts.set(window, (hosts.get(window) ?? new Set()).add(host));
    }
    return [...hosts].filter(([, names]) => names.size > 1).map(([window]) => window);
  }

  /** The agent that last sent a metric of each shard, and when. */
  senders(): ReadonlyMap<number, { readonly agent: number; readonly at: number }> {
    return this.#senders;
  }

  /** The longest one, if programs record metrics of each shard in each window. */
  longestIdleness(): Idleness {
    return this.#idleness;
  }

  /** Sum of the values by agent. @param isMeant which points to add up */
  sumByAgent(isMeant: (metric: string, at: number) => boolean): ReadonlyMap<number, number> {
    const sums = new Map<number, number>();
    for (const { agent, metric, at, value } of this.#sent.values())
      if (isMeant(metric, at)) sums.set(agent, (sums.get(agent) ?? 0) + value);
    return sums;
  }

  /** CPU time of each running agent since its start, in seconds, to 10 ms. */
  cpuSeconds(): ReadonlyMap<number, number> {
    return new Map([...this.#agents].map(([agent, { child }]) => [agent, cpuSecondsOf(child.pid ?? 0)]));
  }

  /** What the agents logged last, those that have ended first. */
  lastWords(): readonly string[] {
    const running = [...this.#agents].map(
      ([agent, { output }]) => `agent ${agent}: ${output().slice(-LAST_WORDS_LENGTH)}`,
    );
    return [...this.#outputs, ...running];
  }

  /** Kills all agents and closes their intakes. */
  async abandon(): Promise<void> {
    for (const agent of this.running()) {
      this.signal(agent, "SIGCONT");
      await this.end(agent, "SIGKILL").catch(() => {});
    }
    for (const intake of this.#intakes.values()) await intake.close();
  }

  async #startIntake(agent: number): Promise<Intake> {
    const intake = await startIntake({
      keepPoints: 0,
      keepLogs: 0,
      onRequest: (request) => this.#arrive(agent, request),
    });
    this.#intakes.set(agent, intake);
    return intake;
  }

  #arrive(agent: number, { submission, status = 0, reason }: AnsweredRequest): void {
    if (status >= 300) throw new Error(`the intake refused what agent ${agent} sent: ${reason}`);
    const now = Date.now();
    for (const series of submission.series) {
      this.#points.add(series, milliseconds(now));
      const shard = this.#options.shardOfReady(series.metric);
      if (shard === undefined) continue;
      this.#timeIdleness(shard, now);
      this.#senders.set(shard, { agent, at: now });
      for (const [at, value] of series.points) {
        this.#sent.set(`${at} ${series.metric} ${series.tags}`, { agent, metric: series.metric, at, value });
      }
    }
    for (const { fields } of submission.logs) {
      const { msg } = fields.message as { readonly msg: string };
      this.#logs.set(msg, [...(this.#logs.get(msg) ?? []), now]);
    }
  }

  #timeIdleness(shard: number, now: number): void {
    const before = this.#senders.get(shard)?.at ?? now;
    const seconds = (now - before) / 1000 - this.#options.window;
    if (seconds > this.#idleness.seconds) this.#idleness = { shard, seconds, until: now };
  }
}

function cpuSecondsOf(pid: number): number {
  const [, afterName = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = afterName.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
