/** `chouette doctor`: checks everything that an agent needs, and says what to do about problems. */
import type { Command } from "commander";
import { loadConfig } from "../config/config.js";
import { printable } from "../runtime/printable.js";
import { runChecks } from "./doctor-checks.js";
import type { Finding } from "./finding.js";

const HELP = `
Checks the settings, the broker, the disk, the link to Datadog, the API key and the clock. It changes nothing and can
run beside an agent.

Exit code: 0 without errors, 1 with errors, 2 if a setting is invalid.`;

const MARKS: Readonly<Record<Finding["verdict"], string>> = {
  ok: "ok     ",
  warning: "warning",
  error: "ERROR  ",
};

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check settings, broker, disk, link, key and clock")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action(async ({ json }: { readonly json?: boolean }) => {
      const loaded = loadConfig(process.env);
      const findings = loaded.ok
        ? await runChecks(loaded.config, process.env)
        : invalidSettings(loaded.problems);
      process.stdout.write(
        json ? `${JSON.stringify(findings, undefined, 2)}\n` : findings.map(formatFinding).join(""),
      );
      const hasErrors = findings.some(({ verdict }) => verdict === "error");
      process.exitCode = loaded.ok ? (hasErrors ? 1 : 0) : 2;
    });
}

function invalidSettings(problems: readonly string[]): readonly Finding[] {
  return problems.map((problem) => ({
    about: "settings",
    verdict: "error",
    found: problem,
    advice: "correct the setting; docs/CONFIGURATION.md lists all settings",
  }));
}

function formatFinding({ about, verdict, found, advice }: Finding): string {
  const line = `${MARKS[verdict]}  ${about.padEnd(8)}  ${printable(found)}\n`;
  return advice === undefined ? line : `${line}${" ".repeat(19)}-> ${printable(advice)}\n`;
}
