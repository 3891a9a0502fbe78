/** The `chouette` command: its subcommands, each in a file of its own. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { VERSION } from "../version.js";
import { onClosedPipe } from "./closed-pipe.js";

/** In the order of the help. What isn't asked for isn't loaded: an agent would hold it in memory all its life. */
const COMMANDS: ReadonlyMap<string, () => Promise<(program: Command) => void>> = new Map([
  ["agent", async () => (await import("./agent.js")).registerAgent],
  ["send", async () => (await import("./send.js")).registerSend],
  ["collect", async () => (await import("./collect.js")).registerCollect],
  ["status", async () => (await import("./status.js")).registerStatus],
  ["doctor", async () => (await import("./doctor.js")).registerDoctor],
  ["queue", async () => (await import("./queue.js")).registerQueue],
  ["config", async () => (await import("./config.js")).registerConfig],
  ["intake", async () => (await import("./intake.js")).registerIntake],
]);

const EXAMPLES = `
A first look, in two terminals:
  $ chouette agent                                   takes metrics on 127.0.0.1:6379 and prints them
  $ chouette send count my.metric 1 --tag zone:a     appears there once its window is closed

On a device:
  $ API_KEY=… chouette agent                         sends to Datadog
  $ REDIS_HOST=localhost API_KEY=… chouette agent    with a Redis server as the broker

The settings are environment variables and chouette.yaml: \`chouette config\` lists them with the values in force.`;

/** Runs the command; what is wrong with the command line is told by exit code 2, as wrong settings are. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("chouette")
    .description("Carries metrics and logs from the programs on a small device to Datadog.")
    .version(VERSION, "-V, --version", "tell the version")
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("(chouette --help tells more)")
    .exitOverride();
  // Agent and intake end in order instead: see `end-signal.ts`.
  if (argv[2] !== "agent" && argv[2] !== "intake") onClosedPipe(() => process.exit());
  const asked = COMMANDS.get(argv[2] ?? "");
  for (const load of asked === undefined ? COMMANDS.values() : [asked]) (await load())(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Thrown by a command itself: the library has written all others.
    if (error instanceof InvalidArgumentError) process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
