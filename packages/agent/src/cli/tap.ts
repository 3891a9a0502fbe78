/** `chouette tap`: shows records as they move through the agent. */
import { type Command, Option } from "commander";
import type { Config } from "../config/config.js";
import { wholeNumber } from "../config/kinds.js";
import { type SeenRecord, STAGES } from "../dashboard/record-filter.js";
import { printable, printableJson } from "../runtime/printable.js";
import { argument } from "./argument.js";
import { addressOf, askLines } from "./http-client.js";
import { runWithSettings } from "./settings-or-exit-code.js";

const HELP = `
Stages:
  raw      a program's record, when its window closes
  ready    an aggregated or collected metric, when it enters the ready queue
  sent     a metric or log, when it is delivered
  dropped  a record that left a queue in another way, with the reason

It changes nothing and never slows the agent down: if there are too many records a second, some are skipped, and a line
says how many.

Examples:
  $ chouette tap                                  everything
  $ chouette tap --stage sent --name 'my_app.*'   what Datadog was sent
  $ chouette tap --tag host:pi4 --json | jq .     of one tag, as JSON lines

Ctrl-C ends it. Exit code: 0 after --count, 1 if no agent answers or the agent stops, 2 if a setting is invalid.`;

interface TapFlags {
  readonly stage?: readonly string[];
  readonly name?: string;
  readonly tag?: string;
  readonly json?: boolean;
  readonly count?: number;
}

export function registerTap(program: Command): void {
  program
    .command("tap")
    .description("show records as they move through the agent")
    .addOption(new Option("--stage <stage...>", "only these stages").choices(STAGES))
    .option("--name <pattern>", "only this name, or service of a log; * stands for any characters")
    .option("--tag <tag>", "only with this tag: key or key:value")
    .option("--count <n>", "exit after this number of records", argument(wholeNumber(1, 1e9, "records")))
    .option("--json", "print JSON lines")
    .addHelpText("after", HELP)
    .action((flags: TapFlags) => runWithSettings((config) => show(config, flags)));
}

type Line = SeenRecord | { readonly skipped: number };

async function show(config: Config, flags: TapFlags): Promise<void> {
  const { json, count = Number.POSITIVE_INFINITY } = flags;
  const end = new AbortController();
  let records = 0;
  const lines = await askLines(config, pathOf(flags), end.signal);
  process.stderr.write(`watching ${addressOf(config)}\n`);
  for await (const text of lines) {
    const line = JSON.parse(text) as Line;
    process.stdout.write(`${json ? printableJson(text) : printable(textOf(line))}\n`);
    if (!("skipped" in line)) records += 1;
    if (records >= count) break;
  }
  end.abort();
  if (records < count) throw new Error("the agent stopped");
}

function pathOf({ stage = [], name, tag }: TapFlags): string {
  const query = new URLSearchParams();
  if (stage.length > 0) query.set("stage", stage.join(","));
  if (name !== undefined) query.set("name", name);
  if (tag !== undefined) query.set("tag", tag);
  return `/tap?${query}`;
}

function textOf(line: Line): string {
  if ("skipped" in line) return `… ${line.skipped} more records, not shown`;
  const { stage, reason, value } = line;
  const time = new Date().toTimeString().slice(0, 8);
  return `${time}  ${(reason ?? stage).padEnd(9)}  ${summary(value)}`;
}

/** Name, value and tags of a metric; any other record unchanged. */
function summary(value: string): string {
  try {
    const record = JSON.parse(value);
    if (typeof record.metric !== "string") return value;
    const { metric, type, tags, points } = record;
    const shown = Array.isArray(points) ? points.map((point) => point?.[1]).join(" ") : record.value;
    const list = Array.isArray(tags) ? tags : Object.entries(tags ?? {}).map(([key, tag]) => `${key}:${tag}`);
    return [metric, type, typeof shown === "object" ? JSON.stringify(shown) : shown, list.join(" ")]
      .join("  ")
      .trimEnd();
  } catch {
    return value;
  }
}
