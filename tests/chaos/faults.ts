/** The fault schedule: what fails, how often and in what order, all from one seed. */
import type { Fault, Rules } from "../../packages/agent/src/intake/faults.js";
import type { Direction, LinkFault } from "../support/faulty-link.js";
import { pick, type Random } from "../support/random.js";

/** A fault of a whole process, or of the clock. */
export type Disaster =
  | { readonly kind: "kill an agent"; readonly which: number; readonly downMs: number }
  | { readonly kind: "end an agent"; readonly which: number; readonly downMs: number }
  | { readonly kind: "halt an agent"; readonly which: number; readonly ms: number }
  | { readonly kind: "kill Redis"; readonly downMs: number }
  | { readonly kind: "halt Redis"; readonly ms: number }
  | { readonly kind: "kill an application"; readonly which: number }
  | { readonly kind: "set the clock"; readonly byMs: number };

/** @param restMs milliseconds between the previous disaster and this one */
export interface Scheduled {
  readonly restMs: number;
  readonly disaster: Disaster;
}

const MAX_REST_MS = 6_000;
const MAX_DOWN_MS = 1_500;
/** More than the agent takes for drift, and less than a record may be in the future. */
const MIN_STEP_MS = 40_000;
const MAX_STEP_MS = 400_000;

/** The parts of a run that can fail. */
export interface Exposed {
  readonly agents: number;
  readonly applications: number;
  readonly hasRedis: boolean;
  /** Whether the clock is set. Then no application is killed, since its records' windows aren't known. */
  readonly setsClock: boolean;
}

export function nextDisaster(random: Random, exposed: Exposed): Scheduled {
  const { agents, applications, hasRedis, setsClock } = exposed;
  const downMs = Math.floor(random() ** 2 * MAX_DOWN_MS);
  const which = Math.floor(random() * agents);
  const step = MIN_STEP_MS + Math.floor(random() * (MAX_STEP_MS - MIN_STEP_MS));
  const disaster = pick<Disaster>(random, [
    [5, { kind: "kill an agent", which, downMs }],
    [1, { kind: "end an agent", which, downMs }],
    [3, { kind: "halt an agent", which, ms: downMs }],
    [setsClock ? 0 : 1, { kind: "kill an application", which: Math.floor(random() * applications) }],
    [hasRedis ? 3 : 0, { kind: "kill Redis", downMs }],
    [hasRedis ? 1 : 0, { kind: "halt Redis", ms: downMs }],
    [setsClock ? 2 : 0, { kind: "set the clock", byMs: random() < 0.5 ? step : -step }],
  ]);
  return { restMs: Math.floor(random() * MAX_REST_MS), disaster };
}

/** Bodies larger than this may be answered with 413. A single record is smaller, so none is rejected as too large. */
const LARGE_BYTES = 250;

/** About a third of the requests fail, in every way that docs/DELIVERY.md lists, including ways without an answer. */
export function intakeFaults(random: Random): Rules {
  return ({ bytes = 0 }) =>
    pick<Fault | undefined>(random, [
      [65, undefined],
      [3, { status: 408 }],
      [bytes > LARGE_BYTES ? 6 : 0, { status: 413 }],
      [4, { status: 429, headers: { "retry-after": "1" } }],
      [4, { status: 500 }],
      [4, { status: 503 }],
      [1, { hang: true }],
      [5, { closeAfterBytes: Math.ceil(bytes / 2) }],
      [8, { loseAnswer: true }],
    ]);
}

const MAX_SLOW_MS = 400;
const MAX_STRAGGLE_MS = 500;

/** @param faulty fraction of the pieces of data that meet a fault */
export function linkFaults(random: Random, faulty: number): (direction: Direction) => LinkFault | undefined {
  return (direction) => {
    if (random() >= faulty) return undefined;
    return pick<LinkFault>(random, [
      [3, { kind: "slow", ms: Math.ceil(random() * MAX_SLOW_MS) }],
      [2, { kind: "cut" }],
      [1, { kind: "cut half way" }],
      [
        direction === "to the server" ? 2 : 0,
        { kind: "cut and deliver", ms: Math.ceil(random() * MAX_STRAGGLE_MS) },
      ],
    ]);
  };
}
