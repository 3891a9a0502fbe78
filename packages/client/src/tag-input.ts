/**
 * Tags as a caller may give them, made into tags as a record carries them. What is given in is never changed.
 */
import { type Tags, tagName, tagValue } from "@chouette-iot/record";

export type TagValue = string | number | boolean | null | undefined;

/**
 * `{name: value}`, or `["name:value"]`. A value of null or undefined is no tag. Of two with one name the last holds, as
 * the broker format knows one value for each.
 *
 * @typeParam Name the names that are allowed
 */
export type TagInput<Name extends string = string> =
  | { readonly [N in Name]?: TagValue }
  | readonly (Name | `${Name}:${string}`)[];

/** What a call adds to the tags that are always there. A tag without a colon has an empty value. */
export function readTags(always: Tags, input: TagInput | undefined): Tags {
  const tags: Record<string, string> = { ...always };
  if (input === undefined || input === null) return tags;
  if (isList(input)) {
    for (const item of input) {
      const text = String(item);
      const colon = text.indexOf(":");
      put(tags, colon < 0 ? text : text.slice(0, colon), colon < 0 ? "" : text.slice(colon + 1));
    }
    return tags;
  }
  for (const name of Object.keys(input)) {
    const value = input[name];
    if (value !== undefined && value !== null) put(tags, name, String(value));
  }
  return tags;
}

export function isList(input: TagInput): input is readonly string[] {
  return Array.isArray(input);
}

function put(tags: Record<string, string>, givenName: string, givenValue: string): void {
  const name = tagName(givenName);
  if (name !== "") tags[name] = tagValue(name, givenValue);
}
