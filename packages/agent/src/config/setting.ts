/** One setting: where it is read from, what it may be, and what it is when nobody says. */
import type { Kind } from "./kinds.js";

export interface Setting<T, D> extends Kind<T> {
  /** Environment variables; the first that is set wins. */
  readonly names: readonly [string, ...string[]];
  readonly about: string;
  readonly fallback: D;
  /** The fallback in words, where it depends on the machine. */
  readonly fallbackInWords?: string;
  /** Never shown. */
  readonly secret: boolean;
  /** Holds from the agent's start to its end: a reload leaves it as it is. */
  readonly startOnly?: boolean;
}

type Traits = Partial<Pick<Setting<unknown, unknown>, "secret" | "startOnly" | "fallbackInWords">>;

export function setting<T, const D>(
  names: Setting<T, D>["names"],
  kind: Kind<T>,
  fallback: D,
  about: string,
  { secret = false, ...traits }: Traits = {},
): Setting<T, D> {
  return { ...kind, names, about, fallback, secret, ...traits };
}

/** A setting's key in `chouette.yaml`: its first name in lower case, without what every key there would begin with. */
export function fileKey({ names: [first] }: Pick<Setting<unknown, unknown>, "names">): string {
  return first.toLowerCase().replace(/^chouette_/, "");
}
