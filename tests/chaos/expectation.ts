/**
 * The model of what should have arrived: plain sums of the applications' records by context and window, compared with
 * the intake's points, of which the last write per second counts.
 */
import type { KeptPoint } from "../../packages/agent/src/intake/kept-points.js";
import type { Call } from "./journals.js";

/** The records of one metric and zone in one window, simply added up. */
interface Expected {
  readonly type: Call["type"];
  sum: number;
  latest: number;
  latestAt: number;
  readonly elements: Set<string>;
  readonly samples: number[];
}

/** What arrived for one metric and zone in one window: its value by second. */
type Seconds = Map<number, number>;

export interface Comparison {
  readonly differences: readonly string[];
  /** Contexts of a window that arrived in one part. */
  readonly whole: number;
  /** Contexts of a window that arrived in several parts. */
  readonly inParts: number;
}

export class Expectation {
  readonly #window: number;
  readonly #expected = new Map<string, Expected>();

  /** @param window its length in seconds */
  constructor(window: number) {
    this.#window = window;
  }

  add({ type, metric, zone, value, at }: Call): void {
    const key = this.#key(metric, zone, at);
    let expected = this.#expected.get(key);
    if (expected === undefined) {
      const nothing = { sum: 0, latest: 0, latestAt: Number.NEGATIVE_INFINITY };
      expected = { type, ...nothing, elements: new Set(), samples: [] };
      this.#expected.set(key, expected);
    }
    if (typeof value === "string") expected.elements.add(value);
    else if (type === "count") expected.sum += value;
    else if (type === "histogram") expected.samples.push(value);
    else if (at >= expected.latestAt) {
      expected.latest = value;
      expected.latestAt = at;
    }
  }

  /** @param arrived the points at the intake, and those that it refused */
  compare(arrived: readonly Pick<KeptPoint, "metric" | "tags" | "at" | "value">[]): Comparison {
    const found = this.#group(arrived);
    const differences: string[] = [];
    const parts = { whole: 0, inParts: 0 };
    for (const [key, expected] of this.#expected) {
      for (const { suffix, check } of this.#checks(expected)) {
        const seconds = found.get(withSuffix(key, suffix)) ?? new Map<number, number>();
        found.delete(withSuffix(key, suffix));
        parts[seconds.size > 1 ? "inParts" : "whole"] += 1;
        const wanted = check([...seconds.values()]);
        if (wanted !== undefined) {
          differences.push(`${withSuffix(key, suffix)}: ${wanted}, but there came ${told(seconds)}`);
        }
      }
    }
    for (const [key, seconds] of found) differences.push(`${key}: nobody recorded ${told(seconds)}`);
    return { differences, ...parts };
  }

  /** Checks the parts of a ready metric: returns the expectation if they differ, undefined if they are right. */
  #checks(
    expected: Expected,
  ): readonly { suffix: string; check: (parts: readonly number[]) => string | undefined }[] {
    const { type, sum, latest, elements, samples } = expected;
    switch (type) {
      case "count":
        return [{ suffix: "", check: sumIs(sum) }];
      case "gauge":
        // In several parts, the one with the latest record has its value.
        return [
          { suffix: "", check: (parts) => (parts.includes(latest) ? undefined : `should be ${latest}`) },
        ];
      case "set":
        return [{ suffix: "", check: distinctIs(elements.size) }];
      case "histogram": {
        const sorted = [...samples].sort((a, b) => a - b);
        const max = sorted.at(-1) ?? Number.NaN;
        return [
          { suffix: ".count", check: sumIs(samples.length / this.#window) },
          { suffix: ".max", check: (parts) => (Math.max(...parts) === max ? undefined : `should be ${max}`) },
          { suffix: ".avg", check: wholeIs(samples.reduce((a, b) => a + b, 0) / samples.length) },
          { suffix: ".median", check: wholeIs(between(sorted, 0.5)) },
          { suffix: ".95percentile", check: wholeIs(between(sorted, 0.95)) },
        ];
      }
    }
  }

  #group(points: Parameters<Expectation["compare"]>[0]): Map<string, Seconds> {
    const groups = new Map<string, Seconds>();
    for (const { metric, tags, at, value } of points) {
      if (!metric.startsWith("fire.") || metric === "fire.witness") continue;
      const key = this.#key(metric, tags[0]?.slice("zone:".length) ?? "", at);
      const seconds = groups.get(key) ?? new Map();
      groups.set(key, seconds.set(at, value));
    }
    return groups;
  }

  #key(metric: string, zone: string, at: number): string {
    return `${metric} ${zone} ${Math.floor(at / this.#window) * this.#window}`;
  }
}

/** The parts add up. */
function sumIs(sum: number) {
  return (parts: readonly number[]) => {
    const arrived = parts.reduce((a, b) => a + b, 0);
    return arrived === sum ? undefined : `should add up to ${sum}, not ${arrived}`;
  };
}

/** In several parts, an element may be in more than one of them. */
function distinctIs(size: number) {
  return (parts: readonly number[]) => {
    const most = parts.reduce((a, b) => a + b, 0);
    const fits = parts.length === 1 ? parts[0] === size : Math.max(...parts) <= size && size <= most;
    return fits ? undefined : `should be ${size} distinct elements`;
  };
}

/** No part needs to equal the whole. */
function wholeIs(value: number) {
  return (parts: readonly number[]) => {
    const [only = Number.NaN] = parts;
    const fits = parts.length > 1 || Math.abs(only - value) <= 1e-9 * Math.abs(value);
    return fits ? undefined : `should be ${value}`;
  };
}

/** The quantile, with linear interpolation between ranks. */
function between(sorted: readonly number[], part: number): number {
  const place = part * (sorted.length - 1);
  const [low = Number.NaN, high = low] = sorted.slice(Math.floor(place), Math.floor(place) + 2);
  return low * (1 - (place % 1)) + high * (place % 1);
}

function withSuffix(key: string, suffix: string): string {
  return key.replace(" ", `${suffix} `);
}

function told(seconds: Seconds): string {
  if (seconds.size === 0) return "nothing";
  return [...seconds].map(([at, value]) => `${value} at ${at}`).join(", ");
}
