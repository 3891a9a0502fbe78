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

export function isTagList(tags: unknown): tags is readonly string[] {
  return Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
}
