/** A reload: which of the settings that were read again may come into force while the agent runs. */
import { type Config, settingNames, withSettings } from "./config.js";
import type { Setting } from "./setting.js";
import { SETTINGS, type SettingName, type Settings } from "./settings.js";

export interface Reload {
  /** The new one, with the old values of what holds from start to end. */
  readonly config: Config;
  readonly changed: readonly SettingName[];
  /** Changed, but left as they are until the next start. */
  readonly atNextStart: readonly SettingName[];
}

export function reload(current: Config, next: Config): Reload {
  const differing = settingNames().filter((name) => !isSame(current.settings[name], next.settings[name]));
  const atNextStart = differing.filter((name) => (SETTINGS[name] as Setting<unknown, unknown>).startOnly);
  const kept = Object.fromEntries(atNextStart.map((name) => [name, current.settings[name]]));
  return {
    config: withSettings(next, { ...next.settings, ...kept } as Settings),
    changed: differing.filter((name) => !atNextStart.includes(name)),
    atNextStart,
  };
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
