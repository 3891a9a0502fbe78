/**
 * Parses tags in a metric's name, in three dialects of statsd: InfluxDB `name,k=v`, Librato `name#k=v`, SignalFx `name[k=v]`.
 *
 * No valid name contains these characters, so the dialect needs no setting. A name that has them without `k=v` is kept, and they
 * become `_`, as with the Datadog Agent. A mix of two dialects is an error.
 */
import type { Result } from "@chouette-iot/record";

interface NameWithTags {
  readonly name: string;
  /** `name:value` */
  readonly tags: readonly string[];
}

const PLAIN = /^[^,#[\]]*$/;
const IN_BRACKETS = /^([^[\]]*)\[([^[\]]*)\](.*)$/s;
const AFTER_NAME = /^([^,#]+)[,#](.*)$/s;

export function dialectTags(text: string): Result<NameWithTags> {
  const unchanged = { ok: true, value: { name: text, tags: [] } } as const;
  if (PLAIN.test(text)) return unchanged;
  const bracketed = IN_BRACKETS.exec(text);
  const [, first = "", pairs = "", rest = ""] = bracketed ?? AFTER_NAME.exec(text) ?? [];
  const name = first + rest;
  const parts = pairs.split(",");
  if (parts.some((part) => !part.includes("="))) return unchanged;
  if (!PLAIN.test(name) || /[#[\]]/.test(pairs)) return { ok: false, reason: "tags in two dialects" };
  return { ok: true, value: { name, tags: parts.map((part) => part.replace("=", ":")) } };
}
