/** The `chouette` command. Each subcommand has its own file. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { FILE_VARIABLE } from "../config/settings-file.js";
import { VERSION } from "../runtime/version.js";
import { onClosedPipe } from "./end-signal.js";

/** In the order of the help. Only the requested one is loaded: a running agent would keep the others in memory. */
const COMMANDS: ReadonlyMap<string, () => Promise<(program: Command) => void>> = new Map([
  ["agent", async () => (await import("./agent.js")).registerAgent],
  ["send", async () => (await import("./send.js")).registerSend],
  ["collect", async () => (await import("./collect.js")).registerCollect],
  ["status", async () => (await import("./status.js")).registerStatus],
  ["top", async () => (await import("./top.js")).registerTop],
  ["tap", async () => (await import("./tap.js")).registerTap],
  ["doctor", async () => (await import("./doctor.js")).registerDoctor],
  ["queue", async () => (await import("./queue.js")).registerQueue],
  ["config", async () => (await import("./config.js")).registerConfig],
  ["intake", async () => (await import("./intake.js")).registerIntake],
  ["demo", async () => (await import("./demo.js")).registerDemo],
  ["support-bundle", async () => (await import("./support-bundle.js")).registerSupportBundle],
  ["completion", async () => (await import("./completion.js")).registerCompletion],
]);

/** Commands that run until a signal. */
const RUNNING: ReadonlySet<string> = new Set(["agent", "intake", "demo"]);

const EXAMPLES = `
To see it work:
  $ chouette demo

A first look, in two terminals:
  $ chouette agent                                   accepts metrics on 127.0.0.1:6379 and prints them
  $ chouette send count my.metric 1 --tag zone:a     is printed there when its window closes

On a device:
  $ API_KEY=… chouette agent                         sends to Datadog
  $ REDIS_HOST=localhost API_KEY=… chouette agent    uses a Redis server as the broker

Settings are environment variables or lines of chouette.yaml. \`chouette config\` lists them with their current values.`;

/** Runs the command. Exit code 2 if the command line is invalid, as for invalid settings. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("chouette")
    .description("Carries metrics and logs from programs on a small device to Datadog.")
    .version(VERSION, "-V, --version", "print the version")
    .option(
      "--config <file>",
      "the settings file (default: CHOUETTE_CONFIG, else chouette.yaml here or in /etc/chouette)",
    )
    .hook("preAction", (command) => {
      const { config } = command.opts<{ readonly config?: string }>();
      if (config !== undefined) process.env[FILE_VARIABLE] = config;
    })
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("(see chouette --help)")
    .exitOverride();
  const name = argv.slice(2).find((argument) => COMMANDS.has(argument)) ?? "";
  // The others shut down gracefully: see `end-signal.ts`.
  if (!RUNNING.has(name)) onClosedPipe(() => process.exit());
  // Completion describes all of them.
  const requested = name === "completion" ? undefined : COMMANDS.get(name);
  for (const load of requested === undefined ? COMMANDS.values() : [requested]) (await load())(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Thrown by a command of ours. The library has printed all other errors.
    if (error instanceof InvalidArgumentError) process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
