/** `chouette collect`: runs one collector once and prints its metrics. */
import { setMaxListeners } from "node:events";
import {
  messageOf,
  milliseconds,
  type ReadyMetric,
  seconds,
  toMilliseconds,
  toSeconds,
} from "@chouette-iot/record";
import type { Command } from "commander";
import { BUILT_IN } from "../collectors/built-in.js";
import type { Collector } from "../collectors/collector.js";
import { openCollector } from "../collectors/open-collectors.js";
import { sortCollected } from "../collectors/ready.js";
import type { Config } from "../config/config.js";
import { redisAddress } from "../config/redis-address.js";
import { systemClock } from "../runtime/clock.js";
import { createLog } from "../runtime/log.js";
import { printable, printableJson } from "../runtime/printable.js";
import { withResolvers } from "../runtime/promises.js";
import { count } from "../runtime/readable.js";
import { positiveSeconds } from "./argument.js";
import { settingsOrExitCode } from "./settings-or-exit-code.js";
import { table, terminalWidth, wrapped } from "./text-table.js";

const HELP = `
NAME is a built-in collector (${[...BUILT_IN.keys()].join(", ")}), one of
EXEC_COLLECTORS, the path of a module, or a package. The collector uses the agent's settings.

It runs twice, --over seconds apart, and the second result is shown: some metrics are differences
between two rounds.

Exit code: 0, 1 if the collector had a problem, 2 if a setting is invalid.`;

interface Options {
  readonly json?: boolean;
  readonly over: number;
}

interface RoundResult {
  readonly metrics: readonly ReadyMetric[];
  readonly problems: readonly string[];
  /** Seconds. */
  readonly took: number;
}

export function registerCollect(program: Command): void {
  program
    .command("collect")
    .description("run a collector once and show its metrics")
    .argument("<name>", "the collector")
    .option("--json", "print JSON, one metric per line")
    .option("--over <seconds>", "time between the two rounds", positiveSeconds, 1)
    .addHelpText("after", HELP)
    .action(async (name: string, options: Options) => {
      const config = settingsOrExitCode();
      if (config !== undefined) await showCollector(name, options, config);
    });
}

async function showCollector(name: string, { json, over }: Options, config: Config): Promise<void> {
  const { settings } = config;
  const collector = openCollector(name, { settings, redis: redisAddress(settings), log: createLog("warn") });
  try {
    await runRound(collector, config, over);
    await systemClock.sleep(toMilliseconds(seconds(over)));
    const { metrics, problems, took } = await runRound(collector, config, over);
    process.stdout.write(
      json
        ? metrics.map((metric) => `${printableJson(JSON.stringify(metric))}\n`).join("")
        : asTable(metrics),
    );
    if (!json) process.stdout.write(summary(collector, metrics.length, took));
    for (const problem of problems) process.stderr.write(`${name}: ${printable(problem)}\n`);
    if (problems.length > 0) process.exitCode = 1;
  } finally {
    await collector.close?.();
  }
}

/** One round. It ends at the deadline even if the collector doesn't. */
async function runRound(collector: Collector, { settings }: Config, over: number): Promise<RoundResult> {
  const problems: string[] = [];
  const started = systemClock.monotonic();
  const at = seconds(Math.floor(toSeconds(systemClock.now())));
  const ending = new AbortController();
  const { signal } = ending;
  setMaxListeners(0, signal);
  const late = withResolvers<never>();
  // Unlike that of AbortSignal.timeout, this timer keeps the process alive, which the collector may not.
  const timer = setTimeout(() => {
    late.reject(new Error(`timed out after ${settings.collectorDeadline} s`));
    ending.abort();
  }, settings.collectorDeadline * 1000);
  const round = { clock: systemClock, signal, report: (problem: string) => problems.push(problem) };
  const collecting = (async () => collector.collect(round))();
  const collected = await Promise.race([collecting, late.promise]).catch((error) => {
    problems.push(messageOf(error));
    return [];
  });
  clearTimeout(timer);
  const { ready, refused } = sortCollected(collected, at, seconds(over));
  const took = toSeconds(milliseconds(systemClock.monotonic() - started));
  return { metrics: ready, problems: [...problems, ...refused], took };
}

function asTable(metrics: readonly ReadyMetric[]): string {
  const rows = metrics.map(({ metric, type, tags, points }) => [
    metric,
    `${points[0]?.[1]}`,
    type,
    tags.join(" "),
  ]);
  return table(["Metric", "Value", "Type", "Tags"], rows);
}

function summary({ name, subject }: Collector, metrics: number, took: number): string {
  const from = subject ? ` from ${subject}` : "";
  const text = `${name}: ${count(metrics, "metric")} in ${(took * 1000).toFixed(1)} ms${from}`;
  return `\n${wrapped(text, terminalWidth(), 2)}\n`;
}
