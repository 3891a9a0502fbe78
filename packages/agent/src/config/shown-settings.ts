/** Settings with their values and sources, to be shown. Promises: they contain no secret and no password in a URL. */
import { withoutUserinfo } from "../runtime/redact.js";
import { type Config, settingNames } from "./config.js";
import type { Setting } from "./setting.js";
import { SETTINGS, type SettingName } from "./settings.js";

export interface ShownSetting {
  readonly names: readonly string[];
  readonly value: unknown;
  /** Environment variable, line of the file, or "default". */
  readonly source: string;
  readonly about: string;
}

export function shownSettings(config: Config): readonly ShownSetting[] {
  return settingNames().map((name) => show(name, config));
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
