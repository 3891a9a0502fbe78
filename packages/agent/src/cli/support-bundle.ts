/**
 * `chouette support-bundle`: writes a text file with everything that is needed to help. People should read it before they send
 * it.
 *
 * Promises: it contains no secrets. If a part isn't available, the file has the reason instead.
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { arch, cpus, freemem, platform, release, totalmem, uptime } from "node:os";
import { promisify } from "node:util";
import { messageOf } from "@chouette-iot/record";
import type { Command } from "commander";
import { programEnvironment } from "../collectors/program-environment.js";
import { type Config, loadConfig, settingNames } from "../config/config.js";
import { SETTINGS } from "../config/settings.js";
import { shownSettings } from "../config/shown-settings.js";
import { redact } from "../runtime/redact.js";
import { VERSION } from "../runtime/version.js";
import { runChecks } from "./doctor-checks.js";
import { askStatus } from "./running-agent.js";

const HELP = `
The file contains the settings without secrets, the results of \`chouette doctor\`, the agent's status, and the newest lines
of its log if systemd runs it as chouette.service. Read it before you send it: it contains tags, host names and addresses.

Exit code: 0, 1 if the file can't be written.`;

const LOG_LINES = "500";

type Section = readonly [title: string, content: () => unknown];

export function registerSupportBundle(program: Command): void {
  program
    .command("support-bundle")
    .description("write settings (secrets hidden), checks, status and log to one file")
    .option("--output <file>", "where to write it (default: chouette-support-TIME.txt here)")
    .addHelpText("after", HELP)
    .action(async ({ output = defaultName() }: { readonly output?: string }) => {
      try {
        await writeFile(output, await bundle(), { mode: 0o600, flag: "wx" });
        process.stdout.write(`${output}: read it before you send it\n`);
      } catch (error) {
        process.stderr.write(`${output}: not written: ${messageOf(error)}\n`);
        process.exitCode = 1;
      }
    });
}

function defaultName(): string {
  return `chouette-support-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.txt`;
}

async function bundle(): Promise<string> {
  const loaded = loadConfig(process.env);
  const sections: readonly Section[] = [
    ["machine", machine],
    ...(loaded.ok ? ofConfig(loaded.config) : ([["problems", () => loaded.problems]] as const)),
    ["log", log],
  ];
  const texts = await Promise.all(
    sections.map(async ([title, content]) => `# ${title}\n\n${await textOf(content)}\n`),
  );
  const secrets = loaded.ok ? secretsOf(loaded.config) : [];
  return redact(texts.join("\n"), secrets);
}

function ofConfig(config: Config): readonly Section[] {
  return [
    ["settings", () => shownSettings(config).filter(({ source }) => source !== "default")],
    ["doctor", () => runChecks(config)],
    ["status", () => askStatus(config)],
  ];
}

function secretsOf({ settings }: Config): readonly string[] {
  const secrets = settingNames().filter((name) => SETTINGS[name].secret);
  return secrets.map((name) => settings[name]).filter((secret) => typeof secret === "string");
}

async function textOf(content: () => unknown): Promise<string> {
  try {
    const found = await content();
    return typeof found === "string" ? found : JSON.stringify(found, undefined, 2);
  } catch (error) {
    return `not available: ${messageOf(error)}`;
  }
}

function machine() {
  const [cpu] = cpus();
  return {
    chouette: VERSION,
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    cpus: `${cpus().length} × ${cpu?.model ?? "unknown"}`,
    memory: { total: totalmem(), free: freemem() },
    uptimeSeconds: Math.round(uptime()),
    at: new Date().toISOString(),
  };
}

async function log(): Promise<string> {
  const args = ["--unit", "chouette", "--lines", LOG_LINES, "--no-pager", "--output", "cat"];
  const { stdout } = await promisify(execFile)("journalctl", args, {
    env: programEnvironment([], process.env),
    timeout: 10_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}
