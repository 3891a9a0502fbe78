/** `chouette demo`: runs a broker, an agent, a program and a stand-in for Datadog in one process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ChouetteClient } from "chouette-iot-client";
import type { Command } from "commander";
import { type Agent, startAgent } from "../agent.js";
import { type Config, readSettings } from "../config/config.js";
import { startIntake } from "../intake/intake.js";
import { createLog } from "../runtime/log.js";
import { positiveSeconds } from "./argument.js";
import { endSignal } from "./end-signal.js";
import { displayOn, settingsFor } from "./intake-display.js";
import { orExitCode } from "./settings-or-exit-code.js";

const HELP = `
A program calls the client, the agent takes its records and those of the host collector, and a stand-in for Datadog shows
what it receives. Nothing leaves this machine, and nothing is left behind.

Exit code: 0 after SIGTERM, SIGINT or --for, 1 if it can't start.`;

/** Short intervals, to see something soon. In seconds. */
const PACE = { AGGREGATE_INTERVAL: "5", AGGREGATE_GRACE: "1", RELEASE_INTERVAL: "1", CAPTURE_INTERVAL: "5" };
const CALL_EVERY_MS = 100;

export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("show a broker, an agent, a program and a local intake at work, in one process")
    .option("--for <seconds>", "end after this time (default: at Ctrl-C)", positiveSeconds)
    .addHelpText("after", HELP)
    .action(async (flags: { readonly for?: number }) => runDemo(flags.for));
}

async function runDemo(length: number | undefined): Promise<void> {
  await orExitCode(async () => {
    const folder = await mkdtemp(join(tmpdir(), "chouette-demo-"));
    try {
      await show(folder, length);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  process.exit();
}

async function show(folder: string, length: number | undefined): Promise<void> {
  const due = "A program calls the client. Its first points are due in 7 s. Ctrl-C ends the demo.";
  const display = displayOn(process.stdout, false, due);
  const intake = await startIntake({
    host: "127.0.0.1",
    port: 0,
    keepPoints: 10_000,
    keepLogs: 100,
    onRequest: (request) => display.request(request),
  });
  const agent = await startAgent(demoSettings(intake.url, folder), createLog("error", "stderr"));
  const client = new ChouetteClient(await brokerOf(agent));
  display.listening(intake, "any");
  const calling = setInterval(() => call(client), CALL_EVERY_MS);
  await Promise.race([endSignal(), length === undefined ? new Promise(() => {}) : sleep(length * 1000)]);
  clearInterval(calling);
  await client.close({ timeoutMs: 1_000 });
  await agent.stop();
  await intake.close();
  display.ended(intake.counts());
}

function demoSettings(url: string, folder: string): Config {
  const loaded = readSettings({
    ...settingsFor(url),
    ...PACE,
    API_KEY: "any",
    CHOUETTE_LISTEN: "127.0.0.1:0",
    CHOUETTE_HTTP: "off",
    CHOUETTE_DATA_DIR: folder,
    COLLECTOR_PLUGINS: "host",
    SEND_SELF_METRICS: "false",
  });
  if (loaded.ok) return loaded.config;
  throw new Error(loaded.problems.join("\n"));
}

async function brokerOf(agent: Agent): Promise<{ readonly host: string; readonly port: number }> {
  const { broker } = await agent.status();
  const { hostname: host, port } = new URL(`redis://${broker.address}`);
  return { host, port: Number(port) };
}

/** What a small shop might count. */
function call(client: ChouetteClient): void {
  const route = Math.random() < 0.8 ? "/" : "/orders";
  void client.increment("shop.requests", 1, { tags: { route } });
  void client.histogram("shop.duration", 20 + 80 * Math.random(), { tags: { route } });
  void client.gauge("shop.temperature", 21 + Math.sin(Date.now() / 10_000));
  void client.set("shop.visitors", Math.floor(40 * Math.random()));
}
