/** `chouette queue`: inspects the queues, requeues dead letters, purges queues. */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { decodeRejected } from "@chouette-iot/record";
import { Argument, type Command } from "commander";
import type { Config } from "../config/config.js";
import { wholeNumber } from "../config/kinds.js";
import { printableDocument, printableJson } from "../runtime/printable.js";
import { count } from "../runtime/readable.js";
import { askAgent, controlSocket } from "../status/control.js";
import { askQueues, type QueueAnswer, type QueueName, type QueueRequest } from "../status/queue-requests.js";
import { argument } from "./argument.js";
import { withShards } from "./connected-shards.js";
import { noAgentError } from "./running-agent.js";
import { runWithSettings } from "./settings-or-exit-code.js";
import { table } from "./text-table.js";

const QUEUES: Readonly<Record<string, QueueName>> = {
  raw: "rawMetrics",
  ready: "readyMetrics",
  logs: "logs",
  events: "events",
  checks: "checks",
  sketches: "sketches",
  rejected: "rejected",
};

const HELP = `
Queues: raw (metrics as stored by clients), ready (metrics to be sent), sketches (distributions to be sent), logs, events,
checks, rejected (dead letters).

With Redis as the broker, it connects to the server; no agent is needed. With CHOUETTE_SHARDS, it shows and changes the
queues of all shards together. With the embedded broker, it connects to the
running agent's socket in CHOUETTE_DATA_DIR; run it as the agent's user or root.

Exit code: 0 if done, 1 if it failed, 2 if a setting is invalid or a destructive command was not confirmed.`;

const recordLimit = () => argument(wholeNumber(1, 10_000, "records"));

interface Listing {
  readonly json?: boolean;
}

interface Confirmable {
  readonly yes?: boolean;
}

export function registerQueue(program: Command): void {
  const queue = program
    .command("queue")
    .description("inspect queues, requeue dead letters, purge queues")
    .addHelpText("after", HELP);
  const name = () => new Argument("<queue>", "the queue").choices(Object.keys(QUEUES));
  queue
    .command("ls")
    .description("list the queues with their sizes")
    .option("--json", "print JSON")
    .action(({ json }: Listing) => ask({ kind: "list" }, json ? listJson : answerText));
  queue
    .command("peek")
    .description("print the oldest records of a queue as JSON lines, without removing them")
    .addArgument(name())
    .option("--limit <n>", "maximum number of records", recordLimit(), 10)
    .action((which: string, flags: { readonly limit: number }) =>
      ask({ kind: "peek", queue: QUEUES[which] ?? "rejected", limit: flags.limit }),
    );
  queue
    .command("rejected")
    .description("list dead letters with their reasons, oldest first")
    .option("--limit <n>", "maximum number of records", recordLimit(), 10)
    .option("--json", "print JSON, one record per line")
    .action(({ limit, json }: Listing & { readonly limit: number }) =>
      ask({ kind: "peek", queue: "rejected", limit }, json ? rejectedJson : rejectedText),
    );
  queue
    .command("requeue")
    .description("requeue all dead letters to the queues they came from; records past their TTL expire there")
    .option("--yes", "don't ask for confirmation")
    .action((flags: Confirmable) => ifConfirmed(flags, "requeue all dead letters", { kind: "requeue" }));
  queue
    .command("purge")
    .description("delete all records of a queue; they are counted as purged")
    .addArgument(name())
    .option("--yes", "don't ask for confirmation")
    .action((which: string, flags: Confirmable) =>
      ifConfirmed(flags, `delete all records of the ${which} queue`, {
        kind: "purge",
        queue: QUEUES[which] ?? "rejected",
      }),
    );
}

async function ifConfirmed({ yes }: Confirmable, what: string, request: QueueRequest): Promise<void> {
  if (yes || (process.stdin.isTTY && (await isYes(`Really ${what}? [y/N] `)))) return ask(request);
  process.stderr.write(`Nothing was changed. To ${what}, pass --yes.\n`);
  process.exitCode = 2;
}

async function isYes(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Without an answer, Ctrl-C and Ctrl-D reject it, and a closed stdin leaves it pending.
  const answered = terminal.question(question).catch(() => "");
  const closed = once(terminal, "close").then(() => "");
  const answer = await Promise.race([answered, closed]);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function ask(
  request: QueueRequest,
  format: (answer: QueueAnswer) => string = answerText,
): Promise<void> {
  await runWithSettings(async (config) => {
    process.stdout.write(format(await answerOf(config, request)));
  });
}

async function answerOf(config: Config, request: QueueRequest): Promise<QueueAnswer> {
  const { storage, settings } = config;
  if (storage === "embedded")
    return askAgent(controlSocket(settings.dataDirectory), request).catch(async (error) => {
      throw await noAgentError(config, error);
    });
  return withShards(settings, (shards) => askQueues(shards, request, Date.now() / 1000));
}

function answerText(answer: QueueAnswer): string {
  switch (answer.kind) {
    case "list":
      return table(
        ["Queue", "Records"],
        answer.queues.map(({ name, records }) => [name, `${records}`]),
      );
    case "peek":
      return answer.records.map((record) => `${printableJson(JSON.stringify(record))}\n`).join("");
    case "done": {
      const left = answer.left > 0 ? `; ${count(answer.left, "record")} without a value not requeued` : "";
      return `${count(answer.records, "record")} ${answer.verb}${left}\n`;
    }
  }
}

function listJson(answer: QueueAnswer): string {
  return answer.kind === "list" ? printableDocument(answer.queues) : answerText(answer);
}

function rejectedJson(answer: QueueAnswer): string {
  if (answer.kind !== "peek") return answerText(answer);
  const lines = answer.records.map(({ score, value }) => {
    const rejected = decodeRejected(value ?? "");
    return JSON.stringify({ at: score, ...(rejected ?? { value }) });
  });
  return lines.map((line) => `${printableJson(line)}\n`).join("");
}

function rejectedText(answer: QueueAnswer): string {
  if (answer.kind !== "peek") return answerText(answer);
  const rows = answer.records.map(({ score, value }) => {
    const rejected = decodeRejected(value ?? "");
    return [
      new Date(score * 1000).toISOString(),
      rejected?.queue ?? "-",
      rejected?.reason ?? "-",
      rejected?.value ?? value ?? "-",
    ];
  });
  return table(["Rejected at", "From", "Reason", "Record"], rows);
}
