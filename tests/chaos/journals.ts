/** Reads the applications' journals, and finds out with the witnesses which records the broker has stored. */
import { readFileSync } from "node:fs";
import type { KeptPoint } from "../../packages/agent/src/intake/kept-points.js";

/** One process of an application, from its start to its end. */
export interface Life {
  readonly name: string;
  readonly journal: string;
  /** Whether it was killed: then some of its last records may not be stored. */
  readonly wasKilled: boolean;
}

/** A stored record of an application. */
export interface Call {
  readonly type: "count" | "gauge" | "set" | "histogram";
  readonly metric: string;
  readonly zone: string;
  readonly value: number | string;
  /** In seconds. */
  readonly at: number;
}

type Part = 0 | 1;
type Witness = readonly [window: number, bit: number];

/** The lines of a journal; application.mjs has their format. */
type Line =
  | {
      readonly turn: number;
      readonly first: Witness;
      readonly last: Witness;
      readonly calls: readonly (readonly [Part, Call["type"], string, string, number | string, number])[];
    }
  | { readonly stored: readonly [turn: number, part: Part] };

export interface Stored {
  /** All stored records, including witnesses. */
  readonly records: number;
  /** Records that should have been stored and weren't. */
  readonly broken: readonly string[];
}

/**
 * Passes on every stored record.
 * @param sums of the witnesses; undefined if all that was recorded was stored
 */
export function readJournals(
  lives: readonly Life[],
  sums: ReadonlyMap<string, number> | undefined,
  onCall: (call: Call) => void,
): Stored {
  const broken: string[] = [];
  let records = 0;
  for (const { name, journal, wasKilled } of lives) {
    const isStored = ([start, bit]: Witness) =>
      sums === undefined || Math.floor((sums.get(`${name} ${start}`) ?? 0) / 2 ** bit) % 2 === 1;
    const stored = new Set<string>();
    for (const line of linesOf(journal)) {
      if ("stored" in line) {
        if (!stored.has(`${line.stored}`))
          broken.push(`${name} was promised turn ${line.stored}, which isn't stored`);
        continue;
      }
      const parts = [isStored(line.first), isStored(line.last)] as const;
      for (const part of [0, 1] as const) {
        if (parts[part]) stored.add(`${[line.turn, part]}`);
        else if (!wasKilled) broken.push(`${name} ended in order, but turn ${line.turn} isn't stored`);
        records += Number(parts[part]);
      }
      for (const [part, type, metric, zone, value, at] of line.calls) {
        if (!parts[part]) continue;
        records += 1;
        onCall({ type, metric, zone, value, at });
      }
    }
  }
  return { records, broken };
}

/** The sums of a process' witnesses by window: each bit is a witness that was stored. */
export function witnessSums(points: readonly KeptPoint[], window: number): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { metric, tags, at, value } of points) {
    if (metric !== "fire.witness") continue;
    const key = `${tags[0]?.slice("name:".length)} ${Math.floor(at / window) * window}`;
    sums.set(key, (sums.get(key) ?? 0) + value);
  }
  return sums;
}

function linesOf(journal: string): readonly Line[] {
  const lines = readFileSync(journal, "utf8").split("\n");
  // A kill may have truncated the last line.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Line);
}
