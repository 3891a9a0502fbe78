/** One setting: its names, its kind and its default. */
import type { Kind } from "./kinds.js";

export interface Setting<T, D> extends Kind<T> {
  /** Environment variables; the first that is set wins. */
  readonly names: readonly [string, ...string[]];
  readonly about: string;
  readonly default: D;
  /** Description of the default, if it depends on the machine. */
  readonly defaultText?: string;
  /** Never shown. */
  readonly secret: boolean;
  /** Read at the start of the agent: a reload doesn't change it. */
  readonly requiresRestart?: boolean;
}

type SettingFlags = Partial<Pick<Setting<unknown, unknown>, "secret" | "requiresRestart" | "defaultText">>;

export function setting<T, const D>(
  names: Setting<T, D>["names"],
  kind: Kind<T>,
  byDefault: D,
  about: string,
  { secret = false, ...flags }: SettingFlags = {},
): Setting<T, D> {
  return { ...kind, names, about, default: byDefault, secret, ...flags };
}

/** A setting's key in `chouette.yaml`: its first name in lower case, without `chouette_`. */
export function fileKey({ names: [first] }: Pick<Setting<unknown, unknown>, "names">): string {
  return first.toLowerCase().replace(/^chouette_/, "");
}
