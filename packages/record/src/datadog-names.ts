/**
 * Normalises metric names and tags by Datadog's rules.
 *
 * A metric's name: ASCII letters, digits, `_` and `.`, beginning with a letter, 200 characters. A tag: letters of any
 * script, digits and `_ - : . /`, beginning with a letter, 200 characters with its name, in lower case, no colon at its
 * end. Any other character becomes `_`; anything before the first letter is dropped.
 *
 * Promises: normalising a normalised name changes nothing, here or at Datadog.
 *
 * (Source: Datadog's documentation, "Custom metrics: naming" and "Defining tags".)
 */

/** UTF-16 code units. */
const MAX_LENGTH = 200;
/** Most tags are valid as given: testing is cheaper than normalising. */
const PLAIN_TAG_NAME = /^[A-Za-z][A-Za-z0-9_\-./]*$/;
const PLAIN_TAG_VALUE = /^[A-Za-z0-9_\-:./]*$/;
const PLAIN_METRIC = /^[A-Za-z][A-Za-z0-9_.]*$/;
const PLAIN_TAG = /^[a-z](?:[a-z0-9_\-:./]*[a-z0-9_\-./])?$/;
/** Size of the cache of normalised tags, of about 400 bytes each. */
const MAX_NORMALISED = 10_000;

/** The name as Datadog stores it; an empty string if no part of it is valid. */
export function metricName(name: string): string {
  if (name.length <= MAX_LENGTH && PLAIN_METRIC.test(name)) return name;
  return name
    .replace(/^[^A-Za-z]+/, "")
    .slice(0, MAX_LENGTH)
    .replace(/[^A-Za-z0-9_.]/g, "_");
}

/** The name of a tag, its case unchanged; an empty string if no part of it is valid. */
export function tagName(name: string): string {
  if (name.length <= MAX_LENGTH && PLAIN_TAG_NAME.test(name)) return name;
  return name
    .replace(/^[^\p{L}]+/u, "")
    .slice(0, MAX_LENGTH)
    .replace(/[^\p{L}\p{M}\p{N}_\-./]/gu, "_");
}

/** The value of a tag, its case unchanged. @param name the normalised name: together they have at most 200 characters */
export function tagValue(name: string, value: string): string {
  const maxLength = Math.max(0, MAX_LENGTH - name.length - 1);
  if (value.length <= maxLength && PLAIN_TAG_VALUE.test(value)) return value;
  return value.slice(0, maxLength).replace(/[^\p{L}\p{M}\p{N}_\-:./]/gu, "_");
}

const normalised = new Map<string, string>();

/** The tag as Datadog stores it; an empty string if no part of it is valid. @param tag `key:value`, or a bare value */
export function canonicalTag(tag: string): string {
  if (tag.length <= MAX_LENGTH && PLAIN_TAG.test(tag)) return tag;
  const known = normalised.get(tag);
  if (known !== undefined) return known;
  const written = tag
    // First, as lower-casing can lengthen the text.
    .toLowerCase()
    .replace(/^[^\p{L}]+/u, "")
    .slice(0, MAX_LENGTH)
    .replace(/[^\p{L}\p{M}\p{N}_\-:./]/gu, "_")
    .replace(/:+$/, "");
  if (normalised.size >= MAX_NORMALISED) normalised.clear();
  if (tag.length <= 2 * MAX_LENGTH) normalised.set(tag, written);
  return written;
}
