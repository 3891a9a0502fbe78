/** Converts lines of events and service checks to records in their queues. They aren't aggregated. */
import { type EventRecord, type Result, type ServiceCheck, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../../runtime/clock.js";
import type { StatsdCounters } from "./counters.js";
import { parseEvent, parseServiceCheck, tagsWithOrigin, type WithOrigin } from "./event-line.js";
import type { LineTakers } from "./receiver.js";

interface EventTakersOptions {
  readonly counters: StatsdCounters;
  readonly clock: Clock;
  /** Whether the container that a line came from becomes tags. */
  readonly withOrigin: boolean;
  /** Stores a record. @param score Unix time in seconds */
  add(queue: "events" | "checks", value: string, score: number): void;
}

export function eventTakers(options: EventTakersOptions): Pick<LineTakers, "event" | "serviceCheck"> {
  const { counters, clock, withOrigin } = options;
  const take = <T extends EventRecord | ServiceCheck>(
    parsed: Result<WithOrigin<T>>,
    queue: "events" | "checks",
    timeOf: (record: T) => number,
  ): string | undefined => {
    if (!parsed.ok) {
      counters.invalidLines++;
      return parsed.reason;
    }
    const { record } = parsed.value;
    const tagged = withOrigin ? { ...record, tags: tagsWithOrigin(parsed.value) } : record;
    options.add(queue, JSON.stringify(tagged), timeOf(record));
    return undefined;
  };
  const now = () => toSeconds(clock.now());
  return {
    event: (line) => {
      const reason = take(parseEvent(line, now()), "events", ({ date_happened }) => date_happened);
      if (reason === undefined) counters.events++;
      return reason;
    },
    serviceCheck: (line) => {
      const reason = take(parseServiceCheck(line, now()), "checks", ({ timestamp }) => timestamp);
      if (reason === undefined) counters.serviceChecks++;
      return reason;
    },
  };
}
