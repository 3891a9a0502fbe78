/** `chouette send`: stores one metric in the broker, as an application would. */
import { type CallOptions, ChouetteClient } from "chouette-iot-client";
import { Argument, type Command, InvalidArgumentError } from "commander";
import { brokerAddress } from "../config/broker-address.js";
import { settingsOrExitCode } from "./settings.js";

const TYPES = ["count", "gauge", "rate", "histogram", "set"] as const;

const HELP = `
Examples:
  $ chouette send count my.metric 1 --tag zone:a
  $ chouette send gauge temperature 21.5 --timestamp 1763800000
  $ chouette send set visitors alice bob

The broker is the Redis server that the settings name (REDIS_HOST, REDIS_PORT, REDIS_URL), else the agent on
CHOUETTE_LISTEN, 127.0.0.1:6379 unless set.

Exit code: 0 where it is stored, 1 where it isn't, with the reason, 2 where a setting is wrong.`;

const LONGEST_WAIT_MS = 5_000;

interface SendOptions {
  readonly tag: readonly string[];
  readonly timestamp?: number;
}

export function registerSend(program: Command): void {
  program
    .command("send")
    .description("store a metric in the broker, as an application would")
    .addArgument(new Argument("<type>", "what kind of metric").choices(TYPES))
    .argument("<metric>", "its name")
    .argument("<value...>", "a number; for a set, its elements")
    .option(
      "--tag <name:value>",
      "a tag; may be given more than once",
      (tag, tags: string[]) => [...tags, tag],
      [],
    )
    .option("--timestamp <seconds>", "when it was taken, in seconds since 1970 (default: now)", toNumber)
    .addHelpText("after", HELP)
    .action(send);
}

async function send(
  type: (typeof TYPES)[number],
  metric: string,
  values: readonly string[],
  { tag, timestamp }: SendOptions,
): Promise<void> {
  const config = settingsOrExitCode();
  if (config === undefined) return;
  const client = new ChouetteClient({ ...brokerAddress(config), answerTimeoutMs: LONGEST_WAIT_MS });
  const options: CallOptions = { tags: tag, ...(timestamp === undefined ? {} : { timestamp }) };
  const stored =
    type === "set"
      ? client.set(metric, values.map(toElement), options)
      : client[type](metric, onlyNumber(values), options);
  await client.close({ timeoutMs: LONGEST_WAIT_MS });
  if (await stored) return;
  process.stderr.write(`not stored: ${client.stats().lastError?.message ?? "the broker did not answer"}\n`);
  process.exitCode = 1;
}

function onlyNumber(values: readonly string[]): number {
  const [value, ...others] = values;
  if (value !== undefined && others.length === 0) return toNumber(value);
  throw new InvalidArgumentError("one number is expected; only a set takes more than one value.");
}

function toNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a number.`);
}

/** A number where it reads as one, since 1 and "1" are two elements of a set. */
function toElement(text: string): string | number {
  const value = Number(text);
  return text.trim() !== "" && Number.isFinite(value) ? value : text;
}
