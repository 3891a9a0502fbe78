/** `chouette config`: shows every setting with its current value and source. Secrets are hidden. */
import type { Command } from "commander";
import { formatValue } from "../config/format-value.js";
import { settingsSchema } from "../config/json-schema.js";
import { type ShownSetting, shownSettings } from "../config/shown-settings.js";
import { settingsOrExitCode } from "./settings-or-exit-code.js";
import { table } from "./text-table.js";

export function registerConfig(program: Command): void {
  program
    .command("config")
    .description("show the current settings, secrets hidden")
    .option("--json", "print JSON")
    .option("--schema", "print the JSON Schema of the settings file instead")
    .action((options: { readonly json?: boolean; readonly schema?: boolean }) => {
      if (options.schema) {
        process.stdout.write(`${JSON.stringify(settingsSchema(), undefined, 2)}\n`);
        return;
      }
      const config = settingsOrExitCode();
      if (config === undefined) return;
      const shown = shownSettings(config);
      process.stdout.write(options.json ? `${JSON.stringify(shown, undefined, 2)}\n` : asTable(shown));
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
