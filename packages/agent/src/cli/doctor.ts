/** `chouette doctor`: checks everything that an agent needs, and says what to do about problems. */
import type { Command } from "commander";
import { loadConfig } from "../config/config.js";
import { printable, printableJson } from "../runtime/printable.js";
import { runChecks } from "./doctor-checks.js";
import type { Finding } from "./finding.js";
import { styled, terminalWidth, wrapped } from "./text-table.js";

const HELP = `
Checks the settings, the broker, the disk, the link to Datadog, the API key and the clock. It changes nothing and can
run beside an agent.

Exit code: 0 without errors, 1 with errors, 2 if a setting is invalid.`;

const MARKS = {
  ok: ["ok     ", "green"],
  warning: ["warning", "yellow"],
  error: ["ERROR  ", "red"],
} as const satisfies Readonly<Record<Finding["verdict"], readonly [string, string]>>;
/** Indentation of the finding, after mark and subject. */
const INDENT = 19;

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check settings, broker, disk, link, key and clock")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action(async ({ json }: { readonly json?: boolean }) => {
      const loaded = loadConfig(process.env);
      const findings = loaded.ok ? await runChecks(loaded.config) : invalidSettings(loaded.problems);
      process.stdout.write(
        json
          ? `${printableJson(JSON.stringify(findings, undefined, 2))}\n`
          : findings.map(formatFinding).join(""),
      );
      const hasErrors = findings.some(({ verdict }) => verdict === "error");
      process.exitCode = loaded.ok ? (hasErrors ? 1 : 0) : 2;
    });
}

/** The findings for invalid settings. */
export function invalidSettings(problems: readonly string[]): readonly Finding[] {
  return problems.map((problem) => ({
    about: "settings",
    verdict: "error",
    found: problem,
    advice: "correct the setting; docs/CONFIGURATION.md lists all settings",
  }));
}

/** The finding in lines that fit the terminal. */
export function formatFinding({ about, verdict, found, advice }: Finding): string {
  const [mark, color] = MARKS[verdict];
  const lines = [`${mark}  ${about.padEnd(8)}  ${printable(found)}`];
  if (advice !== undefined) lines.push(`${" ".repeat(INDENT)}-> ${printable(advice)}`);
  const text = lines.map((line) => `${wrapped(line, terminalWidth(), INDENT)}\n`).join("");
  return styled(color, mark) + text.slice(mark.length);
}
