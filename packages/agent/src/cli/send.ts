/** `chouette send`: stores one metric, event or service check in the broker, like an application. */
import {
  CHECK_STATUSES,
  type CheckStatus,
  EVENT_ALERT_TYPES,
  EVENT_PRIORITIES,
  type EventAlertType,
  type EventPriority,
  seconds,
} from "@chouette-iot/record";
import { type CallOptions, ChouetteClient } from "chouette-iot-client";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { brokerAddress, shownBrokerAddress } from "../config/broker-address.js";
import type { Config } from "../config/config.js";
import { printableLines } from "../runtime/printable.js";
import { settingsOrExitCode } from "./settings-or-exit-code.js";

const METRIC_TYPES = ["count", "gauge", "rate", "histogram", "distribution", "set"] as const;
const TYPES = [...METRIC_TYPES, "event", "check"] as const;

const HELP = `
Examples:
  $ chouette send count my.metric 1 --tag zone:a
  $ chouette send gauge temperature 21.5 --timestamp 1763800000
  $ chouette send set visitors alice bob
  $ chouette send event "Deploy finished" "Version 7 is live" --alert-type success
  $ chouette send check backup.done ok --message "42 files"

The broker is the Redis server of REDIS_HOST, REDIS_PORT, REDIS_SENTINELS or REDIS_URL; without these settings, the
agent on CHOUETTE_LISTEN (default 127.0.0.1:6379).

It prints whether the record was stored; if not, the reason goes to stderr.

Exit code: 0 if it was stored, 1 if not (with the reason), 2 if a setting or argument is invalid.`;

const TIMEOUT_MS = 5_000;

interface SendOptions {
  readonly tag: readonly string[];
  readonly timestamp?: number;
  readonly message?: string;
  readonly alertType?: EventAlertType;
  readonly priority?: EventPriority;
}

export function registerSend(program: Command): void {
  program
    .command("send")
    .description("store a metric, event or service check in the broker, like an application")
    .addArgument(new Argument("<type>", "metric type, event or check").choices(TYPES))
    .argument("<name>", "name of the metric or check; title of the event")
    .argument(
      "<value...>",
      "a number; for a set, its elements; for an event, its text; for a check, its status",
    )
    .option("--tag <name:value>", "a tag; repeatable", (tag, tags: string[]) => [...tags, tag], [])
    .option("--timestamp <seconds>", "Unix time (default: now)", toTimestamp)
    .option("--message <text>", "message of a check")
    .addOption(new Option("--alert-type <type>", "of an event").choices(EVENT_ALERT_TYPES))
    .addOption(new Option("--priority <priority>", "of an event").choices(EVENT_PRIORITIES))
    .addHelpText("after", HELP)
    .action(send);
}

async function send(
  type: (typeof TYPES)[number],
  metric: string,
  values: readonly string[],
  given: SendOptions,
): Promise<void> {
  const config = settingsOrExitCode();
  if (config === undefined) return;
  const { shards } = config.settings;
  const client = new ChouetteClient({ ...brokerAddress(config), shards, answerTimeoutMs: TIMEOUT_MS });
  const stored = store(client, type, metric, values, given);
  await client.close({ timeoutMs: TIMEOUT_MS });
  const broker = shownBrokerAddress(config);
  if (await stored) {
    process.stdout.write(`stored in the broker at ${broker}: ${outlook(config, type, given.timestamp)}\n`);
    return;
  }
  const reason = client.stats().lastError?.message ?? "timed out";
  process.stderr.write(`not stored in the broker at ${broker}: ${printableLines(reason)}\n`);
  process.exitCode = 1;
}

/** Describes what an agent with these settings will do with the record. */
function outlook(
  { windows, metricTtl }: Config,
  type: (typeof TYPES)[number],
  timestamp: number | undefined,
): string {
  if (type === "event" || type === "check") return "the agent sends it with its next release";
  const now = Date.now() / 1000;
  const at = timestamp ?? now;
  if (at < now - metricTtl)
    return `the agent will drop it, since it is older than METRIC_TTL (${metricTtl} s)`;
  const wait = windows.startOf(seconds(at)) + windows.maxAge - now;
  if (wait <= 0) return "its window has closed, so the agent aggregates it as a late record right away";
  return `its window closes in ${Math.ceil(wait)} s; the agent aggregates it then`;
}

/** The year 5138. A larger number is in milliseconds, microseconds or nanoseconds. */
const MAX_SECONDS = 1e11;

function toTimestamp(text: string): number {
  const value = toNumber(text);
  if (Math.abs(value) < MAX_SECONDS) return value;
  const unit = value < 1e14 ? "milliseconds" : value < 1e17 ? "microseconds" : "nanoseconds";
  throw new InvalidArgumentError(`timestamp ${text} looks like ${unit}: expected seconds`);
}

function store(
  client: ChouetteClient,
  type: (typeof TYPES)[number],
  name: string,
  values: readonly string[],
  { tag, timestamp, message, alertType, priority }: SendOptions,
): Promise<boolean> {
  const options: CallOptions = { tags: tag, timestamp };
  switch (type) {
    case "event":
      return client.event(name, values.join(" "), { ...options, alertType, priority });
    case "check":
      return client.serviceCheck(name, onlyStatus(values), { ...options, message });
    case "set":
      return client.set(name, values.map(toElement), options);
    default:
      return client[type](name, onlyNumber(values), options);
  }
}

function onlyStatus(values: readonly string[]): CheckStatus {
  const status = CHECK_STATUSES.find((known) => known === values[0]);
  if (status !== undefined && values.length === 1) return status;
  throw new InvalidArgumentError(`expected one of ${CHECK_STATUSES.join(", ")}.`);
}

function onlyNumber(values: readonly string[]): number {
  const [value, ...others] = values;
  if (value !== undefined && others.length === 0) return toNumber(value);
  throw new InvalidArgumentError("expected one number: only a set takes several values.");
}

function toNumber(text: string): number {
  const value = toElement(text);
  if (typeof value === "number") return value;
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a number.`);
}

/** A number if it looks like one: 1 and "1" are different elements of a set. */
function toElement(text: string): string | number {
  const value = Number(text);
  return text.trim() !== "" && Number.isFinite(value) ? value : text;
}
