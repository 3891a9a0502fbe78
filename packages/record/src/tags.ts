/**
 * Tags: as programs give them, one value for each name, and as Datadog writes them, a list of `name:value`.
 */

/** A record's tags by name. Order has no meaning. */
export type Tags = Readonly<Record<string, string>>;

export const NO_TAGS: Tags = Object.freeze({});

/** Tags as Datadog and the ready queue write them: `["key:value", …]`, sorted. */
export function tagList(tags: Tags): readonly string[] {
  const list = [];
  for (const name in tags) list.push(`${name}:${tags[name]}`);
  return list.sort();
}

/**
 * A list of `name:value` as a record has it: one value for each name. A second value of the same name becomes a name without
 * a value, which is the same tag for Datadog.
 */
export function tagsByName(tags: readonly string[]): Tags {
  const byName: Record<string, string> = Object.create(null);
  for (const tag of tags) {
    const colon = tag.indexOf(":");
    const name = tag.slice(0, colon);
    if (colon === -1 || name in byName) byName[tag] = "";
    else byName[name] = tag.slice(colon + 1);
  }
  return byName;
}

export function isTagList(tags: unknown): tags is readonly string[] {
  return Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
}
