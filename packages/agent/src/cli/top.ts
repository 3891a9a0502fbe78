/** `chouette top`: shows the metrics, tags and clients that cost most. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Config } from "../config/config.js";
import { wholeNumber } from "../config/kinds.js";
import type { Top } from "../dashboard/top.js";
import { printableDocument } from "../runtime/printable.js";
import { argument } from "./argument.js";
import { askJson } from "./http-client.js";
import { runWithSettings } from "./settings-or-exit-code.js";
import { table } from "./text-table.js";

const HELP = `
By metric: deliveries since the agent started. The sums are those of \`chouette status\`. Bytes are compressed; a metric's
share of a body is estimated from its length. "Series" is the number of different tag sets of a metric, and "widest tag" the
tag with most values.
By tag: the number of values of each tag, and of series that have it. By client: the raw records of each.
Series, tags and clients are counted from the first request until there was none for a minute: the first figures come
when a window closes.

Exit code: 0, or 1 if no agent answers, 2 if a setting is invalid.`;

const UPDATE_INTERVAL_MS = 2_000;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";
const ROWS_OF_HEADING = 4;
const BEGINNING =
  "Series, tags and clients are counted from now on: ask again when a window has closed, or use --seconds 15\n";

type Ranking = "metric" | "tag" | "client";

interface TopFlags {
  readonly by: Ranking;
  readonly json?: boolean;
  readonly rows?: number;
  readonly seconds?: number;
}

export function registerTop(program: Command): void {
  program
    .command("top")
    .description("show which metrics, tags and clients cost most")
    .addOption(new Option("--by <what>", "rank by").choices(["metric", "tag", "client"]).default("metric"))
    .option(
      "--rows <n>",
      "rows to print (default: what fits the terminal, else 20)",
      argument(wholeNumber(1, 10_000, "rows")),
    )
    .option(
      "--seconds <n>",
      "watch for this long, print once and exit",
      argument(wholeNumber(0, 86_400, "seconds")),
    )
    .option("--json", "print everything once as JSON; with --seconds, after that time")
    .addHelpText("after", HELP)
    .action((flags: TopFlags) => runWithSettings((config) => show(config, flags)));
}

async function show(config: Config, flags: TopFlags): Promise<void> {
  const end = performance.now() + 1_000 * (flags.seconds ?? 0);
  const isLive = flags.seconds === undefined && flags.json !== true && process.stdout.isTTY;
  for (;;) {
    const top = (await askJson(config, "/top")) as Top;
    const left = end - performance.now();
    if (isLive) process.stdout.write(CLEAR_SCREEN + topText(top, flags));
    else if (left <= 0) {
      process.stdout.write(flags.json ? printableDocument(top) : topText(top, flags));
      return;
    }
    await sleep(isLive ? UPDATE_INTERVAL_MS : Math.min(left, UPDATE_INTERVAL_MS));
  }
}

function topText(top: Top, { by, rows = (process.stdout.rows ?? 24) - ROWS_OF_HEADING }: TopFlags): string {
  const { watched, isComplete } = top;
  const limit = isComplete ? "" : "; too many to count all: numbers are lower bounds";
  const heading = watched === 0 ? BEGINNING : `Series, tags and clients of the last ${watched} s${limit}\n`;
  return heading + { metric: metricTable, tag: tagTable, client: clientTable }[by](top, Math.max(1, rows));
}

function metricTable({ metrics, others }: Top, limit: number): string {
  const shown = metrics.slice(0, limit);
  const all = [...metrics, ...(others === undefined ? [] : [others])];
  const total = { records: sum(all, "records"), bytes: sum(all, "bytes") };
  const rest = { records: total.records - sum(shown, "records"), bytes: total.bytes - sum(shown, "bytes") };
  const share = (bytes: number) => (total.bytes === 0 ? "-" : `${((100 * bytes) / total.bytes).toFixed(1)}%`);
  const row = (name: string, { bytes, records }: typeof total, ...more: readonly string[]) => [
    ...[name, `${bytes}`, share(bytes), `${records}`],
    ...more,
  ];
  return table(
    ["Metric", "Bytes", "Share", "Records", "Series", "Widest tag"],
    [
      ...shown.map(({ metric, series, widestTag, ...use }) =>
        row(
          metric,
          use,
          `${series}`,
          widestTag === undefined ? "-" : `${widestTag.tag} (${widestTag.values})`,
        ),
      ),
      ...(all.length > shown.length ? [row("(all others)", rest, "", "")] : []),
      row("Sum", total, "", ""),
    ],
  );
}

function tagTable({ tags }: Top, limit: number): string {
  const rows = tags
    .slice(0, limit)
    .map(({ tag, values, series, metric }) => [tag, `${values}`, `${series}`, metric]);
  return table(["Tag", "Values", "Series", "Most values in"], rows);
}

function clientTable({ clients }: Top, limit: number): string {
  const rows = clients
    .slice(0, limit)
    .map(({ client, records }) => [client ?? "(others, such as Python's)", `${records}`]);
  return table(["Client", "Raw records"], [...rows, ["Sum", `${sum(clients, "records")}`]]);
}

function sum<Key extends string>(uses: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return uses.reduce((all, use) => all + use[key], 0);
}
