/** The state of an agent in one sentence, with advice: the worst current problem. */
import { type Seconds, seconds } from "@chouette-iot/record";
import { OUTPUTS } from "../config/outputs.js";
import type { RecordedOutage } from "../status/outage-log.js";
import type { Status } from "../status/status.js";
import { number } from "./format.js";

export interface Headline {
  readonly verdict: "ok" | "warning" | "error";
  readonly sentence: string;
  /** Unix time of the outage's beginning, or of the last delivery; undefined if neither applies. */
  readonly since?: Seconds;
  /** The component with the outage. */
  readonly component?: string;
  readonly detail?: string;
  /** Undefined if there is nothing to do. */
  readonly advice?: string;
}

/** @param recorded outages, whose beginnings are constant: those from a status vary by a second */
export function headlineOf(status: Status, recorded: readonly RecordedOutage[] = []): Headline {
  const found = CHECKS.map((check) => check(status)).find((headline) => headline !== undefined);
  if (found?.component === undefined) return found ?? delivering(status);
  const outage = recorded.find(({ component, to }) => component === found.component && to === undefined);
  return outage === undefined ? found : { ...found, since: outage.from };
}

/** The worst first. */
const CHECKS: readonly ((status: Status) => Headline | undefined)[] = [
  stalled,
  diskFull,
  storeUnavailable,
  storeFull,
  keyRefused,
  linkDown,
  otherOutage,
  // Before `notReady`: deferred records wait for long.
  overBudget,
  notReady,
  fresh,
];

function stalled({ stalled: loops }: Status): Headline | undefined {
  if (loops.length === 0) return undefined;
  return {
    verdict: "error",
    sentence: "A part of the agent has hung",
    detail: loops.join("; "),
    advice: "Restart the agent. No queued record is lost.",
  };
}

function diskFull({ broker: { disk } }: Status): Headline | undefined {
  if (disk?.full === undefined) return undefined;
  return {
    verdict: "error",
    sentence: "The disk is full: new records are refused",
    detail: disk.full,
    advice: "Free some space on the disk of CHOUETTE_DATA_DIR. Records are accepted again without a restart.",
  };
}

function storeUnavailable(status: Status): Headline | undefined {
  const { queues, broker, at } = status;
  const outage = currentOutage(status, "store");
  if (queues !== undefined && outage === undefined) return undefined;
  return {
    verdict: "error",
    sentence: broker.kind === "redis" ? "Redis is unavailable" : "The store is unavailable",
    ...(outage === undefined ? {} : { ...began(at, outage), detail: outage.reason }),
    advice:
      broker.kind === "redis"
        ? "Check the Redis server. Clients keep their records until it answers; the agent reconnects by itself."
        : "Check the agent's log and run chouette doctor.",
  };
}

/** The reason of a refused key, from `outputs/answer.ts`. */
const KEY_REFUSED = /^HTTP 40[13]\b/;

function keyRefused(status: Status): Headline | undefined {
  const outage = sinkOutages(status).find(({ reason }) => KEY_REFUSED.test(reason));
  if (outage === undefined) return undefined;
  return {
    verdict: "error",
    sentence: `${outage.component} refuses the API key`,
    ...began(status.at, outage),
    detail: outage.reason,
    advice:
      "Check API_KEY and DD_SITE: a key is valid on one site only. Records are kept, and sent when the key is accepted.",
  };
}

function linkDown(status: Status): Headline | undefined {
  const [outage] = sinkOutages(status);
  if (outage === undefined) return undefined;
  return {
    verdict: "warning",
    sentence: `${outage.component} is unavailable`,
    ...began(status.at, outage),
    detail: outage.reason,
    advice: `Nothing to do if the link is known to be down: ${kept(status)}. Otherwise run chouette doctor.`,
  };
}

function storeFull(status: Status): Headline | undefined {
  const outage = status.outages.find(({ state, current }) => state === "full" && current !== undefined);
  if (outage?.current === undefined) return undefined;
  const [sink] = sinkOutages(status);
  const cause = sink === undefined ? "" : `; ${sink.component} is unavailable: ${sink.reason}`;
  return {
    verdict: "error",
    sentence: "The store is full: the oldest records are deleted for new ones",
    ...began(status.at, { ...outage.current, component: outage.component }),
    detail: `${outage.current.reason}${cause}`,
    advice: "Find out why the queues don't drain, or raise STORE_MAX_BYTES.",
  };
}

function otherOutage(status: Status): Headline | undefined {
  const outage = status.outages.find(({ current }) => current !== undefined);
  if (outage?.current === undefined) return undefined;
  const { component, state, current } = outage;
  return {
    verdict: state === "failing" ? "error" : "warning",
    sentence: `${capitalised(component)} is ${state}`,
    ...began(status.at, { ...current, component }),
    detail: current.reason,
    advice: "Everything else continues. The agent's log has the details.",
  };
}

function notReady({ ready }: Status): Headline | undefined {
  if (ready.ok) return undefined;
  return {
    verdict: "warning",
    sentence: "Records are waiting too long",
    detail: ready.reason,
    advice: "Run chouette doctor.",
  };
}

function overBudget({ budget }: Status): Headline | undefined {
  const { lowPriorityLogs = 0, logs = 0, collectedMetrics = 0 } = budget?.deferred ?? {};
  const records = lowPriorityLogs + logs + collectedMetrics;
  if (records === 0) return undefined;
  return {
    verdict: "warning",
    sentence: "Delivering; the day's byte budget defers some records",
    detail: `${records === 1 ? "1 record waits" : `${number(records)} records wait`} for the next day (UTC)`,
    advice: "Raise DAILY_BYTE_BUDGET, or send less.",
  };
}

function fresh({ queues = [], output }: Status): Headline | undefined {
  if (queues.some(({ ledger }) => ledger.accepted > 0)) return undefined;
  return {
    verdict: "ok",
    sentence: "Waiting for the first record",
    advice: `Send one: chouette send count my.metric 1. It ${OUTPUTS[output.kind].isForPeople ? "is printed" : "is sent"} when its window closes.`,
  };
}

function delivering({ output, deliveries }: Status): Headline {
  const last = Math.max(deliveries.metrics.last ?? 0, deliveries.logs.last ?? 0);
  const sentence = `${OUTPUTS[output.kind].isForPeople ? "Printing" : "Delivering"} to ${OUTPUTS[output.kind].place}`;
  if (last === 0) return { verdict: "ok", sentence: `${sentence}: nothing was due since the agent started` };
  return { verdict: "ok", sentence, since: seconds(last) };
}

interface Current {
  readonly component: string;
  readonly reason: string;
  readonly seconds: Seconds;
}

function currentOutage({ outages }: Status, component: string): Current | undefined {
  const found = outages.find((outage) => outage.component === component);
  return found?.current === undefined ? undefined : { component, ...found.current };
}

/** Outages of Datadog or another destination, metrics first. */
function sinkOutages(status: Status): readonly Current[] {
  const components = Object.values(OUTPUTS).flatMap(({ place }) => [place, `${place} logs`]);
  return components.flatMap((component) => currentOutage(status, component) ?? []);
}

function kept({ queues = [] }: Status): string {
  const records = queues
    .filter(({ name }) => name.endsWith(":wrapped"))
    .reduce((sum, { ledger }) => sum + ledger.pending, 0);
  const waiting = records === 1 ? "1 record waits, and is" : `${number(records)} records wait, and are`;
  return `${waiting} sent when it is available again`;
}

function began(
  at: Seconds,
  { component, seconds: lasting }: Pick<Current, "component" | "seconds">,
): Pick<Headline, "component" | "since"> {
  return { component, since: seconds(at - lasting) };
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
