/**
 * Tags as a caller may give them, made into tags as a record carries them. What is given in is never changed.
 */
import { type Tags, tagName, tagValue } from "@chouette-iot/record";

export type TagValue = string | number | boolean | null | undefined;

/**
 * `{name: value}`, `["name:value"]`, or any other iterable of such texts or of pairs, such as a Map. A value of null or
 * undefined is no tag. Of two with one name the last holds, as the broker format knows one value for each.
 *
 * @typeParam Name the names that are allowed
 */
export type TagInput<Name extends string = string> =
  | { readonly [N in Name]?: TagValue }
  | Iterable<Name | `${Name}:${string}` | readonly [Name, TagValue]>;

/** Tags that were read once: reading them again gives the same. */
export type PlainTags = readonly string[] | Readonly<Record<string, TagValue>>;

/** What a call adds to the tags that are always there. A tag without a colon has an empty value. */
export function readTags(always: Tags, input: TagInput | null | undefined): Tags {
  const tags: Record<string, string> = { ...always };
  if (input === undefined || input === null) return tags;
  const plain = plainTags(input);
  if (isList(plain)) {
    for (const item of plain) {
      const colon = item.indexOf(":");
      put(tags, colon < 0 ? item : item.slice(0, colon), colon < 0 ? "" : item.slice(colon + 1));
    }
    return tags;
  }
  for (const name of Object.keys(plain)) {
    const value = plain[name];
    if (value !== undefined && value !== null) put(tags, name, String(value));
  }
  return tags;
}

/**
 * Reads each tag of whatever is given once, getters included. Values that are no texts, numbers or booleans become text.
 * Throws if it is nothing that could have tags, or if something of it has no text.
 */
export function plainTags(input: TagInput): PlainTags {
  if (typeof input === "string") return [input];
  if (typeof input !== "object") throw new TypeError("tags should be an object or a list");
  if (isIterable(input)) return itemsOf(input).flatMap(itemText);
  const plain: Record<string, TagValue> = Object.create(null);
  for (const name of Object.keys(input)) plain[name] = plainValue(input[name]);
  return plain;
}

/** A value by which a context can be found again, and which keeps no object of the caller alive. */
export function plainValue(value: unknown): TagValue {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "undefined":
      return value;
    default:
      return value === null ? null : String(value);
  }
}

export function isList(input: TagInput | PlainTags): input is readonly string[] {
  return Array.isArray(input);
}

export function isIterable(input: object): input is Iterable<unknown> {
  return Symbol.iterator in input;
}

function itemsOf(input: Iterable<unknown>): readonly unknown[] {
  // An iterator can be read once only, which may have been done already.
  if (Object.is(input[Symbol.iterator](), input)) throw new TypeError("tags should not be an iterator");
  return [...input];
}

function itemText(item: unknown): readonly string[] {
  if (!Array.isArray(item) || item.length !== 2) return [String(item)];
  const value = plainValue(item[1]);
  return value === undefined || value === null ? [] : [`${plainValue(item[0])}:${value}`];
}

function put(tags: Record<string, string>, givenName: string, givenValue: string): void {
  const name = tagName(givenName);
  if (name !== "") tags[name] = tagValue(name, givenValue);
}
