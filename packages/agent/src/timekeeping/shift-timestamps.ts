/**
 * Moves records to their correct time after the clock was set.
 *
 * Promises: every record in the shift's range is moved once, whatever crashes in between: a moved record is recognised by
 * its id, even if its new time is in the range, too. No record is lost. Ready metrics of a window that was sent in part
 * aren't moved: see flush/shifted-windows.ts. Nor are ids without a value, or with one too large to be fetched: these
 * become dead letters later.
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

/** A queue, and the field of its records that has their time. */
export interface TimedQueue {
  readonly queue: string;
  readonly field: TimeField;
  /** Whether a record keeps its time. */
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

/** A page of a queue, and the settlement that moves it. */
export interface ShiftedPage {
  /** Of its last record. */
  readonly after: Position;
  /** How many of its records are moved. */
  readonly moved: number;
  readonly settlement: Pick<Settlement, "remove" | "add">;
}

/**
 * The records in a shift's range, page by page. Settle each page before asking for the next.
 *
 * @param spared times whose records aren't moved
 * @param after the shift's progress in this queue
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
    // Records that another agent forwarded have the time of that agent's clock.
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
