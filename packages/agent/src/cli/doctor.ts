/** `chouette doctor`: checks everything that an agent needs, and says what to do about problems. */
import type { Command } from "commander";
import { runChecks } from "./doctor-checks.js";
import { printFindings } from "./finding.js";

const HELP = `
Checks the settings, the broker, the disk, the link to Datadog, the API key and the clock. It changes nothing and can
run beside an agent.

Exit code: 0 without errors, 1 with errors, 2 if a setting is invalid.`;

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check settings, broker, disk, link, key and clock")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action((options: { readonly json?: boolean }) => printFindings(runChecks, options));
}
