/**
 * The head of a segment: everything in the store except records, so that earlier segments are needed only for their records.
 *
 * Runs, counters and sizes are small and matter most, so they are written twice, before and after the state: damage in one
 * place leaves the other.
 */
import { type Change, JOURNAL_VERSION, type RunChange } from "./change.js";
import type { Content } from "./content.js";

/** State and orphans are split into frames of about this size: damage costs one of them. */
const PART_BYTES = 8 * 1024;

export interface HeadOptions {
  readonly boot: string;
  readonly isDurable: boolean;
}

/** Writes a head. @param put writes a frame of the segment */
export function writeHead(
  content: Content,
  { boot, isDurable }: HeadOptions,
  put: (change: Change) => void,
): void {
  const { nextNumber, counters } = content;
  const mark = { kind: "opened", version: JOURNAL_VERSION, boot, isDurable, nextNumber } as const;
  const vital = { mark, runs: runsOf(content), counters, sizes: content.sizes() };
  put(vital);
  for (const state of inParts(content.state, ([key, text]) => key.length + text.length)) {
    put({ state: new Map(state) });
  }
  for (const [queue, { orphans }] of content.queues) {
    for (const part of inParts(orphans, ([id, value]) => id.length + value.length)) {
      const records = part.map(([id, value]) => ({ id, value }));
      put({ writes: [{ queue, first: nextNumber, records }] });
    }
  }
  put(vital);
}

function runsOf(content: Content): readonly RunChange[] {
  return [...content.queues].flatMap(([queue, { runs }]) =>
    runs.map(({ id, below, removed, parts: { count } }) => ({
      ...{ queue, run: id, below, replaces: [], count },
      removed: [...removed.ordinals()],
    })),
  );
}

function* inParts<T>(items: Iterable<T>, bytesOf: (item: T) => number): Generator<readonly T[]> {
  let part: T[] = [];
  let bytes = 0;
  for (const item of items) {
    part.push(item);
    bytes += bytesOf(item);
    if (bytes < PART_BYTES) continue;
    yield part;
    part = [];
    bytes = 0;
  }
  if (part.length > 0) yield part;
}
