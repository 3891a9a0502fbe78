/**
 * Converts tags from a caller's input to a record's tags. The input is never changed.
 */
import { type Tags, tagName, tagValue } from "@chouette-iot/record";

export type TagValue = string | number | boolean | null | undefined;

/**
 * `{name: value}`, `["name:value"]`, or any other iterable of such texts or of pairs, such as a Map. A value of null or
 * undefined is no tag. Of several tags with one name the last is used, since the broker format has one value per name.
 *
 * @typeParam Name the allowed names
 */
export type TagInput<Name extends string = string> =
  | { readonly [N in Name]?: TagValue }
  | Iterable<Name | `${Name}:${string}` | readonly [Name, TagValue]>;

/** Tags without getters or iterators: reading them repeatedly gives the same. */
export type PlainTags = readonly string[] | Readonly<Record<string, TagValue>>;

/** The input's tags added to others, normalised. A tag without a colon has an empty value. Throws like {@link plainTags}. */
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
 * Reads each tag of the input once, getters included. Values other than strings, numbers and booleans become text. Throws if
 * the input can't be tags, or a value has no string form.
 */
export function plainTags(input: TagInput): PlainTags {
  if (typeof input === "string") return [input];
  if (typeof input !== "object") throw new TypeError("tags should be an object or a list");
  if (isIterable(input)) return itemsOf(input).flatMap(itemText);
  const plain: Record<string, TagValue> = Object.create(null);
  for (const name of Object.keys(input)) plain[name] = plainValue(input[name]);
  return plain;
}

/** A value that can be a key of the lookup, and that keeps none of the caller's objects alive. */
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
  // An iterator can be read only once, and may have been read already.
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
