/** `chouette doctor`: looks at what an agent needs, and says what to do about what is missing. */
import type { Command } from "commander";
import { loadConfig } from "../config/config.js";
import { printable } from "../printable.js";
import { type Finding, lookAround } from "./doctor-checks.js";

const HELP = `
Looks at the settings, the broker, the disk, the link to Datadog, the key and the clock. It changes nothing and may
be run beside an agent.

Exit code: 0 where nothing is wrong, 1 where something is, 2 where a setting is.`;

const MARKS: Readonly<Record<Finding["verdict"], string>> = {
  fine: "ok     ",
  warning: "warning",
  wrong: "WRONG  ",
};

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check settings, broker, disk, link, key and clock, and say what to do")
    .option("--json", "as JSON")
    .addHelpText("after", HELP)
    .action(async ({ json }: { readonly json?: boolean }) => {
      const loaded = loadConfig(process.env);
      const findings = loaded.ok
        ? await lookAround(loaded.config, process.env)
        : settingsWrong(loaded.problems);
      process.stdout.write(
        json ? `${JSON.stringify(findings, undefined, 2)}\n` : findings.map(inWords).join(""),
      );
      const isWrong = findings.some(({ verdict }) => verdict === "wrong");
      process.exitCode = loaded.ok ? (isWrong ? 1 : 0) : 2;
    });
}

function settingsWrong(problems: readonly string[]): readonly Finding[] {
  return problems.map((problem) => ({
    about: "settings",
    verdict: "wrong",
    found: problem,
    advice: "correct it there; docs/CONFIGURATION.md lists every setting",
  }));
}

function inWords({ about, verdict, found, advice }: Finding): string {
  const line = `${MARKS[verdict]}  ${about.padEnd(8)}  ${printable(found)}\n`;
  return advice === undefined ? line : `${line}${" ".repeat(19)}-> ${printable(advice)}\n`;
}
