/** `chouette config`: shows every setting with its current value and source. Secrets are hidden. */
import type { Command } from "commander";
import { formatValue } from "../config/format-value.js";
import { settingsSchema } from "../config/json-schema.js";
import { type ShownSetting, shownSettings } from "../config/shown-settings.js";
import { printableDocument } from "../runtime/printable.js";
import { checkSettings } from "./doctor-settings.js";
import { printFindings } from "./finding.js";
import { settingsOrExitCode } from "./settings-or-exit-code.js";
import { table } from "./text-table.js";

interface ConfigFlags {
  readonly json?: boolean;
  readonly schema?: boolean;
  readonly check?: boolean;
}

const HELP = `
Exit code: 0, 1 if --check found an error in a module that a setting names, 2 if a setting is invalid.`;

export function registerConfig(program: Command): void {
  program
    .command("config")
    .description("show the current settings, secrets hidden")
    .option("--json", "print JSON")
    .option("--check", "check the settings, wrapper and collectors included, and print only what is wrong")
    .option("--schema", "print the JSON Schema of the settings file instead")
    .addHelpText("after", HELP)
    .action(async (options: ConfigFlags) => {
      if (options.check) return printFindings(checkSettings, { ...options, onlyProblems: true });
      if (options.schema) {
        process.stdout.write(printableDocument(settingsSchema()));
        return;
      }
      const config = settingsOrExitCode();
      if (config === undefined) return;
      const shown = shownSettings(config);
      process.stdout.write(options.json ? printableDocument(shown) : asTable(shown));
    });
}

function asTable(settings: readonly ShownSetting[]): string {
  const rows = settings.map(({ names, value, source, about }) => [
    names.join(", "),
    formatValue(value),
    source,
    about,
  ]);
  return table(["Setting", "Value", "Source", "Description"], rows);
}
