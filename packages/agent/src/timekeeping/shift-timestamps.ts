/**
 * Moving records to the time at which they happened, after the clock that stamped them was set.
 *
 * Promises: every record of the shift's range is moved once, whatever crashes in between: a moved record is recognised
 * by its id, so that it doesn't matter that it may land in the range again. It loses nothing. Ready metrics of a window
 * that was sent in part stay: see flush/shifted-windows.ts. An id without a value, or
 * with one too large to be fetched, stays: it becomes a dead letter where it is.
 * Nothing else may remove records of the queue meanwhile.
 */
import {
  type Page,
  type Position,
  pages,
  type QueueNames,
  type Settlement,
  type Store,
} from "@chouette-iot/queue";
import { isStaying } from "../flush/shifted-windows.js";
import { isForwarded } from "../runtime/ready-ids.js";
import { type ClockShift, rangeWithout, type TimeRange } from "./clock-shift.js";
import {
  DATE,
  DATE_HAPPENED,
  isShifted,
  POINTS,
  shiftedRecord,
  TIMESTAMP,
  type TimeField,
} from "./shifted-record.js";

/** A queue whose records carry their time. */
export interface TimedQueue {
  readonly queue: string;
  readonly field: TimeField;
  /** Whether a record keeps its time all the same. */
  stays?(position: Position, shift: ClockShift): boolean;
}

export function timedQueues(queues: QueueNames): readonly TimedQueue[] {
  const { rawMetrics, readyMetrics, sketches, logs, events, checks } = queues;
  return [
    { queue: rawMetrics, field: TIMESTAMP },
    { queue: readyMetrics, field: POINTS, stays: (position, { staying }) => isStaying(position, staying) },
    { queue: sketches, field: POINTS, stays: (position, { staying }) => isStaying(position, staying) },
    { queue: logs, field: DATE },
    { queue: events, field: DATE_HAPPENED },
    { queue: checks, field: TIMESTAMP },
  ];
}

const PAGE = 2_000;

/** A page of a queue, as a settlement moves it. */
export interface ShiftedPage {
  /** Of its last record. */
  readonly after: Position;
  /** How many of its records are moved. */
  readonly moved: number;
  readonly settlement: Pick<Settlement, "remove" | "add">;
}

/**
 * The records of a shift's range, page by page; each page is to be settled before the next one is asked for.
 *
 * @param spared what the clock can have stamped that isn't the shift's: it stays as it is
 * @param after where the shift has come to in this queue
 */
export async function* shiftedPages(
  store: Store,
  timed: TimedQueue,
  shift: ClockShift,
  spared: TimeRange | undefined,
  after: Position | undefined,
): AsyncGenerator<ShiftedPage> {
  for (const { from, to } of rangeWithout(shift, spared)) {
    const isPast = after !== undefined && after.score >= from;
    const start = isPast ? after : { score: from, id: "" };
    for await (const page of pages(store, timed.queue, { after: start, before: to, limit: PAGE })) {
      yield shiftedPage(page, timed, shift);
    }
  }
}

function shiftedPage(
  page: Page,
  { queue, field, stays = () => false }: TimedQueue,
  shift: ClockShift,
): ShiftedPage {
  const due = page.flatMap((record) => {
    // What another agent sent has the time of that agent's clock.
    const isDone = isShifted(record.id, shift) || isForwarded(record.id) || stays(record, shift);
    const shifted = isDone ? undefined : shiftedRecord(record, shift, field);
    return shifted === undefined ? [] : [{ record, shifted }];
  });
  const { score, id } = page.at(-1) ?? page[0];
  return {
    after: { score, id },
    moved: due.length,
    settlement: {
      remove: [{ queue, records: due.map(({ record }) => record) }],
      add: [{ queue, records: due.map(({ shifted }) => shifted) }],
    },
  };
}
