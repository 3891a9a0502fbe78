/**
 * Tags, and the one key that tells two sets of tags apart.
 */

/** A record's tags by name. Order carries no meaning. */
export type Tags = Readonly<Record<string, string>>;

export const NO_TAGS: Tags = Object.freeze({});

/**
 * The key of a set of tags: equal for the same tags in any order, different for any others.
 *
 * Each name and value is preceded by its length, so that no character in them can stand for a border:
 * `{a: "x|", b: "y"}` and `{a: "x", b: "|y"}` have different keys.
 */
export function tagsKey(tags: Tags): string {
  const names = Object.keys(tags);
  if (names.length > 1) names.sort();
  let key = "";
  for (const name of names) key += tagKey(name, tags[name] ?? "");
  return key;
}

function tagKey(name: string, value: string): string {
  return `${name.length}:${name}${value.length}:${value}`;
}

/** Tags as Datadog and the ready queue write them: `["key:value", …]`, sorted. */
export function tagList(tags: Tags): readonly string[] {
  const list = [];
  for (const name in tags) list.push(`${name}:${tags[name]}`);
  return list.sort();
}
