/**
 * Tags as a caller may give them, made into tags as a record carries them. What is given in is never changed.
 */
import type { Tags } from "@chouette-iot/record";

export type TagValue = string | number | boolean | null | undefined;

/** `{name: value}`, or `["name:value"]`. A value of null or undefined is no tag; of two with one name the last holds. */
export type TagInput = Readonly<Record<string, TagValue>> | readonly string[];

/** A tag without a colon has an empty value, as the broker format knows names and values only. */
export function readTags(input: TagInput | undefined): Tags {
  const tags: Record<string, string> = {};
  if (input === undefined || input === null) return tags;
  if (isList(input)) {
    for (const tag of input) {
      const text = String(tag);
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

function put(tags: Record<string, string>, name: string, value: string): void {
  // A tag called __proto__ must become a tag, not the object's prototype.
  if (name === "__proto__")
    Object.defineProperty(tags, name, { value, enumerable: true, configurable: true, writable: true });
  else tags[name] = value;
}
