/** `chouette config`: shows every setting with its current value and source. Secrets are hidden. */
import type { Command } from "commander";
import { loadConfig } from "../config/config.js";
import { formatValue } from "../config/format-value.js";
import { settingsSchema } from "../config/json-schema.js";
import { type ShownSetting, shownSettings } from "../config/shown-settings.js";
import { printableJson } from "../runtime/printable.js";
import { formatFinding, invalidSettings } from "./doctor.js";
import { checkSettings } from "./doctor-settings.js";
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
      if (options.check) return check(options);
      if (options.schema) {
        process.stdout.write(`${JSON.stringify(settingsSchema(), undefined, 2)}\n`);
        return;
      }
      const config = settingsOrExitCode();
      if (config === undefined) return;
      const shown = shownSettings(config);
      process.stdout.write(
        options.json ? `${printableJson(JSON.stringify(shown, undefined, 2))}\n` : asTable(shown),
      );
    });
}

async function check({ json }: ConfigFlags): Promise<void> {
  const loaded = loadConfig(process.env);
  const findings = loaded.ok ? await checkSettings(loaded.config) : invalidSettings(loaded.problems);
  const wrong = findings.filter(({ verdict }) => verdict !== "ok");
  const text = wrong.length === 0 ? findings : wrong;
  process.stdout.write(
    json ? `${JSON.stringify(findings, undefined, 2)}\n` : text.map(formatFinding).join(""),
  );
  const hasErrors = findings.some(({ verdict }) => verdict === "error");
  process.exitCode = loaded.ok ? (hasErrors ? 1 : 0) : 2;
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
