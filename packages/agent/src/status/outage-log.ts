/**
 * The outages of the components, for the timeline of the dashboard.
 *
 * It compares reports that are some seconds apart, so outages needn't be recorded when they begin or end. An outage that began
 * and ended between two reports is shown from one to the other. Promises: bounded memory; the oldest outages are forgotten.
 */
import { type Seconds, seconds } from "@chouette-iot/record";
import type { OutageReport } from "../runtime/outage.js";

export interface RecordedOutage {
  readonly component: string;
  readonly state: OutageReport["state"];
  readonly from: Seconds;
  /** Undefined while it lasts. */
  readonly to?: Seconds;
  /** Undefined if it was over before it was seen. */
  readonly reason?: string;
}

const MAX_OUTAGES = 200;
/** In characters. A reason may contain the body of a response. */
const MAX_REASON = 200;

interface Seen {
  readonly count: number;
  readonly current: RecordedOutage | undefined;
}

export class OutageLog {
  readonly #seen = new Map<string, Seen>();
  #ended: readonly RecordedOutage[] = [];
  #lastAt: Seconds | undefined;

  /** @param at Unix time */
  observe(at: Seconds, reports: readonly OutageReport[]): void {
    for (const report of reports) this.#observe(at, report);
    this.#lastAt = at;
  }

  /** Sorted by their beginning, current ones included. */
  outages(): readonly RecordedOutage[] {
    const current = [...this.#seen.values()].flatMap(({ current: outage }) => outage ?? []);
    return [...this.#ended, ...current].sort((a, b) => a.from - b.from);
  }

  #observe(at: Seconds, { component, state, count, current }: OutageReport): void {
    const before = this.#seen.get(component);
    // If there are fewer than before, the component is new, after a reload.
    const began = before === undefined || count < before.count ? count : count - before.count;
    const wasCurrent = before?.current;
    const isSame = current !== undefined && wasCurrent !== undefined && began === 0;
    const now = current === undefined ? undefined : started(at, component, state, current);
    if (wasCurrent !== undefined && !isSame) this.#end({ ...wasCurrent, to: now?.from ?? at });
    const unseen = began - (current === undefined || isSame ? 0 : 1);
    const from = this.#lastAt;
    if (unseen > 0 && from !== undefined) this.#end({ component, state, from, to: now?.from ?? at });
    this.#seen.set(component, { count, current: isSame ? wasCurrent : now });
  }

  #end(outage: RecordedOutage): void {
    this.#ended = [...this.#ended, outage].slice(-MAX_OUTAGES);
  }
}

function started(
  at: Seconds,
  component: string,
  state: OutageReport["state"],
  current: NonNullable<OutageReport["current"]>,
): RecordedOutage {
  const reason = current.reason.slice(0, MAX_REASON);
  return { component, state, from: seconds(at - current.seconds), reason };
}
