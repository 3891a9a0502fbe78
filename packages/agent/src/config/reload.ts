/** Reload: which changed settings can be applied while the agent runs. */
import { type Config, settingNames, withSettings } from "./config.js";
import type { Setting } from "./setting.js";
import { SETTINGS, type SettingName, type Settings } from "./settings.js";

export interface Reload {
  /** The new configuration, with the old values of settings that require a restart. */
  readonly config: Config;
  readonly changed: readonly SettingName[];
  /** Changed, but not applied until a restart. */
  readonly afterRestart: readonly SettingName[];
}

export function reload(current: Config, next: Config): Reload {
  const differing = settingNames().filter((name) => !isSame(current.settings[name], next.settings[name]));
  const afterRestart = differing.filter(
    (name) => (SETTINGS[name] as Setting<unknown, unknown>).requiresRestart,
  );
  const kept = Object.fromEntries(afterRestart.map((name) => [name, current.settings[name]]));
  return {
    config: withSettings(next, { ...next.settings, ...kept } as Settings),
    changed: differing.filter((name) => !afterRestart.includes(name)),
    afterRestart,
  };
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
