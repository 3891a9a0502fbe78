/**
 * The simulated device: programs that record, up to two agents, a broker, a clock that may be wrong, a link.
 *
 * It executes one operation after the other, and knows when each record was really made.
 */
import type { Store } from "@chouette-iot/queue";
import { milliseconds, type ReadyMetric, seconds } from "@chouette-iot/record";
import { readyWriter } from "../../packages/agent/src/runtime/ready-writer.js";
import type { Boot } from "../../packages/agent/src/timekeeping/boot.js";
import {
  CLOCK_STATE,
  type ClockState,
  decodeClockState,
} from "../../packages/agent/src/timekeeping/clock-state.js";
import { amountOf, seriesKey, sketchAsCount, Tally } from "./accounts.js";
import { type ArrivedLog, type ArrivedPoint, FarSide } from "./far-side.js";
import { ModelClock } from "./model-clock.js";
import { type Broker, CALLS, DEFAULTS, type Operation, type Settings } from "./operations.js";
import { type Fault, ProcessLife, type Surroundings } from "./process-life.js";
import { bootAt, RELEASE_INTERVAL, type SimulatedAgent, startSimulatedAgent } from "./simulated-agent.js";
import { type Engine, QUEUES, WatchedStore } from "./watched-store.js";

/** 2026-01-05T00:00:00Z, an ordinary Monday. */
const START = Date.UTC(2026, 0, 5);
/** Shorter steps count as drift and aren't corrected. */
export const MIN_JUMP = 30;
/** Record k has the value 2^(k mod this), so the sum shows which records are missing or duplicated. */
const VALUES = 45;

export interface Recorded {
  readonly group: string;
  readonly type: string;
  readonly amount: number;
  readonly value: number;
  /** By the device's clock. */
  readonly stamp: number;
  /** When it was made. */
  readonly trueAt: number;
  /** Whether the server has had no chance to forget it. */
  isCertain: boolean;
}

export interface RecordedLog {
  readonly id: string;
  readonly trueAt: number;
  isCertain: boolean;
  /** Whether something happened after which it may rightly arrive twice. */
  mayRepeat: boolean;
}

interface Saved {
  readonly state: Awaited<ReturnType<WatchedStore["save"]>>;
  readonly stored: Device["stored"];
  /** Numbers of those that were recorded until then. */
  readonly recorded: number;
  readonly logs: number;
}

interface Place {
  life: ProcessLife;
  agent: SimulatedAgent | undefined;
  settings: Settings;
}

export class Device {
  readonly clock = new ModelClock(START);
  readonly watched: WatchedStore;
  readonly farSide: FarSide;
  readonly recorded: Recorded[] = [];
  readonly logs = new Map<string, RecordedLog>();
  readonly droppedLogs = new Set<string>();
  /** Differences found while the sequence runs. */
  readonly differences: string[] = [];
  /** Number of raw metrics and logs stored by clients, which the agent doesn't count. */
  stored = { raw: 0, logs: 0 };
  /** The sum of the small steps of the clock. */
  drift = 0;
  /** Whether records may have been stamped by a clock that nobody knows about any more. */
  isUntimely = false;
  hasStepped = false;
  /**
   * Groups of which something arrived and still waited when the clock was set, since its answer was lost: it is moved as
   * what nobody has sent, and counts twice.
   */
  readonly mayRepeat = new Set<string>();

  readonly #broker: Broker;
  readonly #around: Surroundings;
  readonly #places: Place[];
  #boot: Boot;
  #boots = 1;
  #made = 0;
  /** The error of the clock before it was last set. */
  #before = { until: 0, offset: 0 };
  #saved: Saved | undefined;

  /** @param store of the engine, empty */
  constructor(broker: Broker, engine: Engine, store: Store) {
    this.#broker = broker;
    this.watched = new WatchedStore(engine, store, {
      onReadyDropped: (value) => this.#putReady(value),
      onLogDropped: (value) => this.droppedLogs.add((JSON.parse(value) as { id: string }).id),
    });
    const onDoubt = () => this.#excuseRepeats();
    this.farSide = new FarSide(this.clock, {
      onPoint: (point) => this.#checkPoint(point),
      onLog: (log) => this.#checkLog(log),
      onDoubt,
    });
    this.#around = {
      clock: this.clock,
      watched: this.watched,
      faults: [],
      storeLatency: milliseconds(0),
      onDoubt,
    };
    this.#boot = bootAt("boot 1", this.clock);
    this.#places = Array.from({ length: broker === "pair" ? 2 : 1 }, () => ({
      life: new ProcessLife(this.#around),
      agent: undefined,
      settings: DEFAULTS,
    }));
  }

  /** Seconds since the epoch, whatever the clock says. */
  get trueNow(): number {
    return (START + this.clock.monotonic()) / 1000;
  }

  get now(): number {
    return this.clock.now() / 1000;
  }

  get settings(): Settings {
    return this.#places[0]?.settings ?? DEFAULTS;
  }

  async begin(): Promise<void> {
    for (const place of this.#places) await this.#start(place);
    await this.clock.advance(10);
  }

  async take(operation: Operation): Promise<void> {
    if (this.hasStepped) await this.#markInDoubt();
    // What died starts again by itself, as systemd would have it.
    for (const place of this.#places) if (!place.life.isAlive) await this.#start(place);
    switch (operation.do) {
      case "call":
        return this.#record(operation.call, this.now, this.trueNow);
      case "late": {
        const like = this.recorded.at(-1 - (operation.like % Math.max(1, this.recorded.length)));
        if (like === undefined) return;
        const stamp = operation.clock === "then" ? like.stamp : like.trueAt + this.now - this.trueNow;
        // A distinct time, so that no two gauges are equally new.
        return this.#record(operation.call, stamp - (this.#made + 1) / 1e4, like.trueAt);
      }
      case "log":
        return this.#log();
      case "collect":
        return this.#collect();
      case "advance":
        return this.clock.advance(1000 * operation.seconds);
      case "step":
        return await this.#step(operation.by === "right" ? this.trueNow - this.now : operation.by);
      case "reboot":
        return this.#reboot(operation.clock);
      case "link":
        this.farSide.answer = operation.answer;
        return;
      case "latency":
        this.farSide.latency = operation.link;
        this.#around.storeLatency = milliseconds(operation.store);
        return;
      case "lose answer":
        this.farSide.losesNextAnswer = true;
        return;
      case "fault":
        this.#around.faults.push({
          on: operation.on,
          skip: operation.skip,
          how: operation.how,
        } satisfies Fault);
        return;
      case "cut":
        this.#place(operation.agent).life.cut(operation.seconds);
        return;
      case "freeze":
        this.#place(operation.agent).life.freeze(operation.seconds);
        return;
      case "interlude":
        this.#place(operation.agent).life.freeze(operation.seconds);
        await this.clock.advance(1000 * operation.seconds - 500);
        return this.#stop(this.#place(1 - operation.agent));
      case "kill":
        this.#place(operation.agent).life.kill();
        return;
      case "stop":
        return this.#stop(this.#place(operation.agent));
      case "start":
        return this.#startWith(this.#place(operation.agent), operation.settings);
      case "restart":
        await this.#stop(this.#place(operation.agent));
        return this.#startWith(this.#place(operation.agent), operation.settings);
      case "save":
        this.#saved = {
          state: await this.watched.save(),
          stored: { ...this.stored },
          recorded: this.recorded.length,
          logs: this.logs.size,
        };
        return;
      case "restore":
        return this.#restore();
      default:
        operation satisfies never;
    }
  }

  /** Ends all faults, and waits until everything pending has arrived. */
  async settleDown(): Promise<void> {
    this.#around.faults.length = 0;
    this.#around.storeLatency = milliseconds(0);
    this.farSide.answer = "up";
    this.farSide.latency = 0;
    this.farSide.losesNextAnswer = false;
    for (const place of this.#places) place.life.mend();
    // In flight, and of another time than what comes.
    await this.clock.advance(4_000);
    if (this.now < Date.UTC(2025, 0, 1) / 1000) await this.#step(this.trueNow - this.now);
    for (const place of this.#places)
      if (!place.life.isAlive || place.agent === undefined) await this.#start(place);
    for (let round = 0; round < 12; round++) {
      await this.clock.advance(RELEASE_INTERVAL * 1000);
      if ((await this.#waiting()) === 0 && round > 0) break;
    }
  }

  /** Adds the pending records to those at the intake. */
  async overlayPending(): Promise<void> {
    for (const value of await this.#readyTexts()) this.#putReady(value);
  }

  async pendingRaw(): Promise<Tally> {
    const tally = new Tally();
    for (const { value = "" } of await this.watched.all(QUEUES.rawMetrics)) tally.add(amountOf(value));
    return tally;
  }

  /** Ready metrics, and sketches as counts of their samples, which is all that the far side gets. */
  async #readyTexts(): Promise<readonly string[]> {
    const metrics = await this.watched.all(QUEUES.readyMetrics);
    const sketches = await this.watched.all(QUEUES.sketches);
    const counts = sketches.map(({ value = "" }) => sketchAsCount(value));
    return [...metrics.map(({ value = "" }) => value), ...counts];
  }

  async #waiting(): Promise<number> {
    const sizes = await Promise.all(
      [QUEUES.rawMetrics, QUEUES.readyMetrics, QUEUES.sketches, QUEUES.logs].map(
        async (queue) => (await this.watched.all(queue)).length,
      ),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  #place(index: number): Place {
    const place = this.#places[index];
    if (place === undefined) throw new Error(`there is no agent ${index}`);
    return place;
  }

  async #start(place: Place): Promise<void> {
    place.life = new ProcessLife(this.#around);
    place.agent = await startSimulatedAgent({
      life: place.life,
      farSide: this.farSide,
      boot: this.#boot,
      settings: place.settings,
      hasLease: this.#broker !== "embedded",
    });
  }

  async #startWith(place: Place, settings: Partial<Settings>): Promise<void> {
    if (place.agent !== undefined) return;
    // Two agents of one device have one file of settings.
    for (const each of this.#places)
      if (each === place || each.agent === undefined) each.settings = { ...each.settings, ...settings };
    if (settings.interval !== undefined) this.#saved = undefined;
    await this.#start(place);
  }

  async #stop(place: Place): Promise<void> {
    const { agent } = place;
    if (agent === undefined) return;
    let hasEnded = false;
    void agent.stop().then(() => {
      hasEnded = true;
    });
    for (let tries = 0; !hasEnded && tries < 100; tries++) await this.clock.advance(500);
    if (!hasEnded && place.life.isAlive)
      this.differences.push("an agent that was asked to stop didn't within 50 s");
    place.life.end();
    place.life = new ProcessLife(this.#around);
    place.agent = undefined;
  }

  /** A step that no agent has noticed before the next one can't be distinguished from it. */
  async #step(by: number): Promise<void> {
    if (!(await this.#isClockNoted())) this.isUntimely = true;
    await this.#markInDoubt();
    this.#setClock(by);
  }

  /** Which of two clocks stamped a record can't be told until the agent has moved all that was stamped before. */
  async #noteAmbiguity(): Promise<void> {
    if (!this.hasStepped) return;
    const isMoving = (await this.#clockState())?.pending !== undefined;
    if (isMoving || !(await this.#isClockNoted())) this.isUntimely = true;
  }

  async #isClockNoted(): Promise<boolean> {
    const state = await this.#clockState();
    if (state?.boot !== this.#boot.id) return false;
    return Math.abs(this.now - this.#boot.uptime() - state.bootTime) < MIN_JUMP;
  }

  async #clockState(): Promise<ClockState | undefined> {
    const [text] = await this.watched.store.state([CLOCK_STATE]);
    return decodeClockState(text);
  }

  #setClock(by: number): void {
    if (by === 0) return;
    if (Math.abs(by) < MIN_JUMP) this.drift += Math.abs(by);
    this.#before = { until: this.clock.monotonic() + 60_000, offset: this.now - this.trueNow };
    this.hasStepped = true;
    this.#saved = undefined;
    this.clock.jump(1000 * by);
  }

  async #reboot(clock: "1970" | "kept" | "last"): Promise<void> {
    for (const place of this.#places) place.life.kill();
    if (Math.abs(this.now - this.trueNow) > 0) this.isUntimely = true;
    await this.clock.advance(20_000);
    if (clock === "1970") this.#setClock(-this.now);
    if (clock === "last") this.#setClock(-20);
    this.#boots += 1;
    this.#boot = bootAt(`boot ${this.#boots}`, this.clock);
  }

  async #restore(): Promise<void> {
    if (this.#saved === undefined) return;
    this.#excuseRepeats();
    await this.watched.restore(this.#saved.state);
    this.stored = { ...this.#saved.stored };
    for (const record of this.recorded.slice(this.#saved.recorded)) record.isCertain = false;
    for (const log of [...this.logs.values()].slice(this.#saved.logs)) log.isCertain = false;
    for (const log of this.logs.values()) log.mayRepeat = true;
  }

  async #record(index: number, stamp: number, trueAt: number): Promise<void> {
    const call = CALLS[index];
    if (call === undefined) return;
    this.#made += 1;
    const value = 2 ** (this.#made % VALUES);
    const given = call.type === "set" ? [`element ${this.#made}`] : value;
    const record = { metric: call.metric, type: call.type, value: given, timestamp: stamp, tags: call.tags };
    const text = call.style === "node" ? JSON.stringify(record) : pythonJson(record);
    await this.watched.store.append(QUEUES.rawMetrics, [
      { score: stamp, id: `record-${this.#made}`, value: text },
    ]);
    this.stored.raw += 1;
    this.recorded.push({ ...amountOf(text), value, stamp, trueAt, isCertain: true });
    if (Math.abs(stamp - this.now - (trueAt - this.trueNow)) >= MIN_JUMP) this.isUntimely = true;
    await this.#noteAmbiguity();
  }

  async #log(): Promise<void> {
    this.#made += 1;
    const id = `log-${this.#made}`;
    const date = new Date(1000 * this.now).toISOString();
    const value = JSON.stringify({
      id,
      date,
      ddsource: "model",
      service: "model",
      ddtags: [],
      level: "INFO",
      message: { msg: id },
    });
    await this.watched.store.append(QUEUES.logs, [{ score: this.now, id, value }]);
    this.stored.logs += 1;
    this.logs.set(id, { id, trueAt: this.trueNow, isCertain: true, mayRepeat: false });
    await this.#noteAmbiguity();
  }

  async #collect(): Promise<void> {
    this.#made += 1;
    const metric: ReadyMetric = {
      metric: "host.load",
      type: "gauge",
      tags: [],
      points: [[seconds(Math.floor(this.now)), this.#made]],
    };
    await readyWriter(this.watched.store, QUEUES.readyMetrics, "collect", this.settings.globalTags)([metric]);
    const { trueAt, stamp } = { trueAt: this.trueNow, stamp: Math.floor(this.now) };
    this.recorded.push({
      group: "host.load",
      type: "collected",
      amount: 0,
      value: this.#made,
      stamp,
      trueAt,
      isCertain: true,
    });
    await this.#noteAmbiguity();
  }

  #putReady(value: string): void {
    const { metric, type, tags, interval, points } = JSON.parse(value) as {
      metric: string;
      type: "count" | "rate" | "gauge";
      tags: readonly string[];
      interval?: number;
      points: readonly (readonly [number, number])[];
    };
    const numbers = { count: 1, rate: 2, gauge: 3 };
    this.farSide.put(metric, numbers[type], tags, interval, points);
  }

  async #markInDoubt(): Promise<void> {
    const arrived = new Set(this.farSide.points().map(({ group, at, value }) => `${group} ${at} ${value}`));
    for (const value of await this.#readyTexts()) {
      const { metric, tags, points } = JSON.parse(value) as {
        readonly metric: string;
        readonly tags: readonly string[];
        readonly points: readonly (readonly [number, number])[];
      };
      const { group } = seriesKey(metric, tags);
      if (points.some(([at, point]) => arrived.has(`${group} ${at} ${point}`))) this.mayRepeat.add(group);
    }
  }

  /** A log that arrived and still waits may be sent again after a fault. */
  #excuseRepeats(): void {
    for (const id of this.farSide.logs().keys()) {
      const log = this.logs.get(id);
      if (log !== undefined) log.mayRepeat = true;
    }
  }

  /** The tolerated error of times that arrive now. */
  #allowedOffsets(): readonly number[] {
    const offset = this.now - this.trueNow;
    return this.clock.monotonic() < this.#before.until ? [0, offset, this.#before.offset] : [0, offset];
  }

  #checkPoint({ group, metric, at }: ArrivedPoint): void {
    if (at < Date.UTC(2025, 0, 1) / 1000) this.differences.push(`${metric} arrived with the time ${at}`);
    if (this.isUntimely) return;
    const tolerance = 2 * MIN_JUMP + this.drift;
    // The parts of a histogram other than .count are of the same records.
    const base = group.replace(/\.(max|median|avg|95percentile)/, ".count");
    const isTimely = this.recorded.some(
      (record) =>
        record.group === base &&
        this.#allowedOffsets().some((offset) => Math.abs(at - offset - record.trueAt) <= tolerance),
    );
    if (!isTimely)
      this.differences.push(`${group} arrived with the time ${at}, and nothing was recorded then`);
  }

  #checkLog({ id, date }: ArrivedLog): void {
    const at = Date.parse(date) / 1000;
    if (at < Date.UTC(2025, 0, 1) / 1000) this.differences.push(`${id} arrived with the date ${date}`);
    const log = this.logs.get(id);
    if (log === undefined) this.differences.push(`${id} arrived, and nobody wrote it`);
    if (log === undefined || this.isUntimely) return;
    const tolerance = 2 * MIN_JUMP + this.drift;
    const isTimely = this.#allowedOffsets().some((offset) => Math.abs(at - offset - log.trueAt) <= tolerance);
    if (!isTimely) this.differences.push(`${id} of ${log.trueAt} arrived with the time ${at}`);
  }
}

/** As Python's json.dumps writes it. */
function pythonJson(record: object): string {
  const { metric, type, value, timestamp, tags } = record as Readonly<Record<string, unknown>>;
  const spaced = (part: unknown): string =>
    Array.isArray(part)
      ? `[${part.map(spaced).join(", ")}]`
      : typeof part === "object" && part !== null
        ? `{${Object.entries(part)
            .map(([name, own]) => `${JSON.stringify(name)}: ${spaced(own)}`)
            .join(", ")}}`
        : JSON.stringify(part);
  return spaced({ metric, type, value, timestamp, tags });
}
