/** `chouette queue`: looks into the queues, puts back what was set aside, throws away. */
import { createInterface } from "node:readline/promises";
import { queueNames } from "@chouette-iot/queue";
import { decodeRejected } from "@chouette-iot/record";
import { Argument, type Command } from "commander";
import type { Config } from "../config/config.js";
import { wholeNumber } from "../config/kinds.js";
import { printableJson } from "../printable.js";
import { askAgent, controlSocket } from "../status/control.js";
import { askQueues, type QueueAnswer, type QueueName, type QueueRequest } from "../status/queue-requests.js";
import { argument } from "./argument.js";
import { connectedStore } from "./connected-store.js";
import { settingsOrExitCode } from "./settings.js";
import { table } from "./table.js";

const QUEUES: Readonly<Record<string, QueueName>> = {
  raw: "rawMetrics",
  ready: "readyMetrics",
  logs: "logs",
  rejected: "rejected",
};

const HELP = `
Queues: raw (metrics as clients store them), ready (what is to be sent), logs, rejected (what was set aside).

With Redis as the broker it asks the server itself, whether an agent runs or not. With the embedded broker it asks
the running agent by the socket in CHOUETTE_DATA_DIR, as the agent's user or root.

Exit code: 0 where it is done, 1 where it isn't, 2 where a destructive one was not confirmed.`;

const limit = () => argument(wholeNumber(1, 10_000, "records"));

interface Confirmable {
  readonly yes?: boolean;
}

export function registerQueue(program: Command): void {
  const queue = program
    .command("queue")
    .description("look into the queues, put back what was set aside, throw away")
    .addHelpText("after", HELP);
  const name = () => new Argument("<queue>", "which").choices(Object.keys(QUEUES));
  queue
    .command("ls")
    .description("the queues and how many records each holds")
    .action(() => ask({ kind: "list" }));
  queue
    .command("peek")
    .description("the oldest records of a queue, as JSON lines; takes nothing away")
    .addArgument(name())
    .option("--limit <n>", "how many", limit(), 10)
    .action((which: string, flags: { readonly limit: number }) =>
      ask({ kind: "peek", queue: QUEUES[which] ?? "rejected", limit: flags.limit }),
    );
  queue
    .command("rejected")
    .description("what was set aside, the oldest first, each with its reason")
    .option("--limit <n>", "how many", limit(), 10)
    .action(({ limit: most }: { readonly limit: number }) =>
      ask({ kind: "peek", queue: "rejected", limit: most }, rejectedText),
    );
  queue
    .command("requeue")
    .description("put all that was set aside back where it came from; what is too old by now expires there")
    .option("--yes", "don't ask")
    .action((flags: Confirmable) => confirmed(flags, "put back all rejected records", { kind: "requeue" }));
  queue
    .command("purge")
    .description("throw away all records of a queue, counted as purged")
    .addArgument(name())
    .option("--yes", "don't ask")
    .action((which: string, flags: Confirmable) =>
      confirmed(flags, `throw away all records of the ${which} queue`, {
        kind: "purge",
        queue: QUEUES[which] ?? "rejected",
      }),
    );
}

async function confirmed({ yes }: Confirmable, what: string, request: QueueRequest): Promise<void> {
  if (yes || (process.stdin.isTTY && (await isYes(`Really ${what}? [y/N] `)))) return ask(request);
  process.stderr.write(`Nothing was done: to ${what}, give --yes.\n`);
  process.exitCode = 2;
}

async function isYes(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(question);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function ask(
  request: QueueRequest,
  inWords: (answer: QueueAnswer) => string = answerText,
): Promise<void> {
  const config = settingsOrExitCode();
  if (config === undefined) return;
  try {
    process.stdout.write(inWords(await answerOf(config, request)));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function answerOf({ storage, settings }: Config, request: QueueRequest): Promise<QueueAnswer> {
  if (storage === "embedded") return askAgent(controlSocket(settings.dataDirectory), request);
  const store = await connectedStore(settings);
  try {
    return await askQueues(store, queueNames(), request, Date.now() / 1000);
  } finally {
    await store.close();
  }
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
      const left =
        answer.left > 0 ? `, ${answer.left} left where they are: they have no value to put back` : "";
      return `${answer.records} records${left}\n`;
    }
  }
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
  return table(["Set aside", "From", "Reason", "Record"], rows);
}
