/** `chouette status`: shows the state of the running agent. */
import type { Command } from "commander";
import type { Config } from "../config/config.js";
import { printableJson } from "../runtime/printable.js";
import { askStatus } from "./running-agent.js";
import { orExitCode, settingsOrExitCode } from "./settings-or-exit-code.js";
import { statusText } from "./status-text.js";

const HELP = `
Asks the agent of these settings: through its socket in CHOUETTE_DATA_DIR, or on CHOUETTE_HTTP (default 127.0.0.1:8127).
The first lines show which agent that is.

For each queue, accepted = done + pending + dropped, across restarts. "Done" records were aggregated, delivered or
requeued; "dropped" records are listed by reason. "Missing" records left the queue for no known reason.

Exit code: 0 if the agent is ready, 1 if it isn't or doesn't answer, 2 if a setting is invalid.`;

const WATCH_INTERVAL_MS = 2_000;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

interface StatusFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function registerStatus(program: Command): void {
  program
    .command("status")
    .description("show the running agent's queues, deliveries, outages and drops")
    .option("--json", "print JSON; with --watch, one line per update")
    .option("--watch", "update every two seconds until interrupted")
    .addHelpText("after", HELP)
    .action(async (flags: StatusFlags) => {
      const config = settingsOrExitCode();
      if (config === undefined) return;
      if (flags.watch) await watch(config, flags);
      else await showOnce(config, flags);
    });
}

async function showOnce(config: Config, { json, watch }: StatusFlags): Promise<void> {
  await orExitCode(async () => {
    const status = await askStatus(config);
    const clear = watch && process.stdout.isTTY ? CLEAR_SCREEN : "";
    const text = json ? printableJson(JSON.stringify(status, undefined, watch ? 0 : 2)) : statusText(status);
    process.stdout.write(`${clear}${text}${json ? "\n" : ""}`);
    process.exitCode = status.ready.ok ? 0 : 1;
  });
}

async function watch(config: Config, flags: StatusFlags): Promise<void> {
  for (;;) {
    await showOnce(config, flags);
    await new Promise((resolve) => setTimeout(resolve, WATCH_INTERVAL_MS));
  }
}
