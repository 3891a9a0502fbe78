/** `chouette config`: shows every setting with its current value and source. Secrets are hidden. */
import type { Command } from "commander";
import { type Config, settingNames } from "../config/config.js";
import { inWords } from "../config/format-value.js";
import { settingsSchema } from "../config/json-schema.js";
import type { Setting } from "../config/setting.js";
import { SETTINGS, type SettingName } from "../config/settings.js";
import { withoutUserinfo } from "../runtime/redact.js";
import { settingsOrExitCode } from "./settings-or-exit-code.js";
import { table } from "./text-table.js";

interface ShownSetting {
  readonly names: readonly string[];
  readonly value: unknown;
  /** Environment variable, line of the file, or "default". */
  readonly source: string;
  readonly about: string;
}

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
      const shown = settingNames().map((name) => show(name, config));
      process.stdout.write(options.json ? `${JSON.stringify(shown, undefined, 2)}\n` : asTable(shown));
    });
}

function show(name: SettingName, config: Config): ShownSetting {
  const { names, about, secret, isUrl }: Setting<unknown, unknown> = SETTINGS[name];
  const current = config.settings[name];
  const value = isUrl && typeof current === "string" ? withoutUserinfo(current) : current;
  return {
    names,
    value: secret && value !== undefined ? "(hidden)" : (value ?? null),
    source: config.sources.get(name) ?? "default",
    about,
  };
}

function asTable(settings: readonly ShownSetting[]): string {
  const rows = settings.map(({ names, value, source, about }) => [
    names.join(", "),
    inWords(value),
    source,
    about,
  ]);
  return table(["Setting", "Value", "Source", "Description"], rows);
}
