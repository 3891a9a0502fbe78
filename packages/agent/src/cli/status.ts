/** `chouette status`: what the running agent says of itself. */
import type { Command } from "commander";
import { hostToAsk } from "../config/broker-address.js";
import type { Config } from "../config/config.js";
import type { Status } from "../status/status.js";
import { settingsOrExitCode } from "./settings.js";
import { statusText } from "./status-text.js";

const HELP = `
Asks the agent on CHOUETTE_HTTP (127.0.0.1:8127 unless set).

For each queue, accepted = done + pending + dropped, across restarts: done is aggregated or delivered, dropped is
told by its reason. What came to be missing without a reason is told as missing.

Exit code: 0 where the agent is ready, 1 where it isn't or doesn't answer.`;

const ANSWER_TIMEOUT_MS = 5_000;
const WATCH_INTERVAL_MS = 2_000;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

interface StatusFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function registerStatus(program: Command): void {
  program
    .command("status")
    .description("show what the running agent does: queues, deliveries, outages, drops")
    .option("--json", "as JSON; with --watch, a line each time")
    .option("--watch", "again every two seconds, until it is interrupted")
    .addHelpText("after", HELP)
    .action(async (flags: StatusFlags) => {
      const config = settingsOrExitCode();
      if (config === undefined) return;
      if (flags.watch) await watch(config, flags);
      else await showOnce(config, flags);
    });
}

async function showOnce(config: Config, { json, watch }: StatusFlags): Promise<void> {
  try {
    const status = await askStatus(config);
    const clear = watch && process.stdout.isTTY ? CLEAR_SCREEN : "";
    const text = json ? `${JSON.stringify(status, undefined, watch ? 0 : 2)}\n` : statusText(status);
    process.stdout.write(clear + text);
    process.exitCode = status.ready.ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function watch(config: Config, flags: StatusFlags): Promise<void> {
  for (;;) {
    await showOnce(config, flags);
    await new Promise((resolve) => setTimeout(resolve, WATCH_INTERVAL_MS));
  }
}

/** The running agent's status. Rejects, in words for people, where there is none to be had. */
export async function askStatus({ settings: { http } }: Config): Promise<Status> {
  if (http === "off") throw new Error("CHOUETTE_HTTP is off: this agent can't be asked");
  const host = hostToAsk(http.host);
  const address = `${host.includes(":") ? `[${host}]` : host}:${http.port}`;
  const answer = await fetch(`http://${address}/status`, {
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  }).catch((error: Error) => {
    const { cause } = error;
    const reason = cause instanceof Error && cause.message !== "" ? cause.message : error.message;
    throw new Error(`no agent answers on ${address} (${reason}): is it running, with this CHOUETTE_HTTP?`);
  });
  const status = (await answer.json().catch(() => undefined)) as Status | undefined;
  if (status?.version !== undefined && answer.ok) return status;
  throw new Error(`what answers on ${address} is no agent of Chouette: look at CHOUETTE_HTTP`);
}
