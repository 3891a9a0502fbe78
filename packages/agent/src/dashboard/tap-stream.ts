/**
 * Sends records as they move, as lines of JSON, until the reader disconnects.
 *
 * Promises: the pipeline never waits for a reader. In each second, a limited number of records is examined and a limited number
 * shown, and nothing is sent to a slow reader. A line says how many records were skipped. The number of readers is limited.
 */
import type { ServerResponse } from "node:http";
import type { Moved, RecordTap } from "../status/record-tap.js";
import { matches, type RecordFilter, type SeenRecord, STAGES, stageOf } from "./record-filter.js";

const MAX_READERS = 4;
/** Limits per second. */
const MAX_EXAMINED = 5_000;
const MAX_SHOWN = 500;
/** Limit of a record in characters: a log may have a megabyte. */
const MAX_VALUE = 4_096;
const MAX_UNSENT_BYTES = 256 * 1024;
const TICK_MS = 1_000;

export class TapStreams {
  readonly #tap: RecordTap;
  #readers = 0;

  constructor(tap: RecordTap) {
    this.#tap = tap;
  }

  /** @returns false if there are too many */
  open(response: ServerResponse, filter: RecordFilter): boolean {
    if (this.#readers >= MAX_READERS) return false;
    this.#readers += 1;
    response.writeHead(200, { "Content-Type": "application/x-ndjson", "Cache-Control": "no-store" });
    response.flushHeaders();
    const stream = new TapStream(response, filter);
    const unwatch = this.#tap.watch((moved) => stream.show(moved));
    // Empty lines in between show whether the reader is still there.
    const timer = setInterval(() => stream.nextSecond(), TICK_MS).unref();
    response.once("close", () => {
      clearInterval(timer);
      unwatch();
      this.#readers -= 1;
    });
    return true;
  }
}

class TapStream {
  readonly #response: ServerResponse;
  readonly #filter: RecordFilter;
  #examined = 0;
  #shown = 0;
  #skipped = 0;

  constructor(response: ServerResponse, filter: RecordFilter) {
    this.#response = response;
    this.#filter = filter;
  }

  show(moved: readonly Moved[]): void {
    for (const one of moved) {
      const stage = stageOf(one);
      if (stage === undefined || !this.#filter.stages.has(stage)) continue;
      if (one.value === undefined || !this.#mayShowMore()) {
        this.#skipped += 1;
        continue;
      }
      this.#examined += 1;
      if (!matches(one.value, this.#filter)) continue;
      this.#shown += 1;
      const { queue, left, value } = one;
      const reason = stage === "dropped" && left !== undefined ? { reason: left } : {};
      const seen: SeenRecord = { stage, queue, ...reason, value: value.slice(0, MAX_VALUE) };
      this.#response.write(`${JSON.stringify(seen)}\n`);
    }
  }

  nextSecond(): void {
    const skipped = this.#skipped;
    [this.#examined, this.#shown, this.#skipped] = [0, 0, 0];
    if (skipped > 0) this.#response.write(`${JSON.stringify({ skipped })}\n`);
    else if (this.#response.writableLength === 0) this.#response.write("\n");
  }

  #mayShowMore(): boolean {
    return (
      this.#examined < MAX_EXAMINED &&
      this.#shown < MAX_SHOWN &&
      this.#response.writableLength < MAX_UNSENT_BYTES
    );
  }
}

/** @param query of the address, such as `stage=raw,sent&name=greenhouse.*&tag=bed:1` */
export function filterOf(query: URLSearchParams): RecordFilter {
  const asked = (query.get("stage") ?? "").split(",");
  const stages = STAGES.filter((stage) => asked.includes(stage));
  return {
    stages: new Set(stages.length === 0 ? STAGES : stages),
    name: query.get("name") ?? undefined,
    tag: query.get("tag") ?? undefined,
  };
}
