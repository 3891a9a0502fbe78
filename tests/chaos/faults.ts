/** The fault schedule: what goes wrong, how often, and in what order, all of it by one seed. */
import type { Fault, Rules } from "../../packages/agent/src/intake/faults.js";
import type { Direction, LinkFault } from "../support/faulty-link.js";
import { pick, type Random } from "../support/random.js";

/** Something that happens to a whole process. */
export type Disaster =
  | { readonly kind: "kill the agent"; readonly downMs: number }
  | { readonly kind: "end the agent"; readonly downMs: number }
  | { readonly kind: "halt the agent"; readonly ms: number }
  | { readonly kind: "kill Redis"; readonly downMs: number }
  | { readonly kind: "halt Redis"; readonly ms: number }
  | { readonly kind: "kill an application"; readonly which: number };

/** @param restMs how long until it happens, in milliseconds after the one before */
export interface Scheduled {
  readonly restMs: number;
  readonly disaster: Disaster;
}

const LONGEST_REST_MS = 6_000;
const LONGEST_DOWN_MS = 1_500;

export function nextDisaster(random: Random, applications: number, hasRedis: boolean): Scheduled {
  const downMs = Math.floor(random() ** 2 * LONGEST_DOWN_MS);
  const which = Math.floor(random() * applications);
  const disaster = pick<Disaster>(random, [
    [5, { kind: "kill the agent", downMs }],
    [1, { kind: "end the agent", downMs }],
    [3, { kind: "halt the agent", ms: downMs }],
    [1, { kind: "kill an application", which }],
    [hasRedis ? 3 : 0, { kind: "kill Redis", downMs }],
    [hasRedis ? 1 : 0, { kind: "halt Redis", ms: downMs }],
  ]);
  return { restMs: Math.floor(random() * LONGEST_REST_MS), disaster };
}

/** Bodies over this many bytes may be answered with 413: a record alone is smaller, so that it is never found too large. */
const LARGE_BYTES = 250;

/** About a third of the requests fail, in every way that the design's table names, and in some that have no answer. */
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

const LONGEST_SLOW_MS = 400;
const LONGEST_STRAGGLE_MS = 500;

/** @param faulty the part of the pieces of data that meet a fault */
export function linkFaults(random: Random, faulty: number): (direction: Direction) => LinkFault | undefined {
  return (direction) => {
    if (random() >= faulty) return undefined;
    return pick<LinkFault>(random, [
      [3, { kind: "slow", ms: Math.ceil(random() * LONGEST_SLOW_MS) }],
      [2, { kind: "cut" }],
      [1, { kind: "cut half way" }],
      [
        direction === "to the server" ? 2 : 0,
        { kind: "cut and deliver", ms: Math.ceil(random() * LONGEST_STRAGGLE_MS) },
      ],
    ]);
  };
}
