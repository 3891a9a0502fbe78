/**
 * Names and tags by Datadog's rules.
 *
 * A metric's name: ASCII letters, digits, `_` and `.`, beginning with a letter, 200 characters. A tag: letters of any
 * script, digits and `_ - : . /`, beginning with a letter, 200 characters with its name, in lower case, no colon at its
 * end. Anything else becomes `_`; what comes before the first letter is dropped.
 *
 * Promises: what is written by these rules doesn't change when they are applied again, here or at Datadog.
 *
 * (Source: Datadog's documentation, "Custom metrics: naming" and "Defining tags".)
 */

/** UTF-16 code units. */
const MAX_LENGTH = 200;
/** Most tags are right as they are, which takes less to see than to mend. */
const PLAIN_TAG_NAME = /^[A-Za-z][A-Za-z0-9_\-./]*$/;
const PLAIN_TAG_VALUE = /^[A-Za-z0-9_\-:./]*$/;
const PLAIN_METRIC = /^[A-Za-z][A-Za-z0-9_.]*$/;
const PLAIN_TAG = /^[a-z](?:[a-z0-9_\-:./]*[a-z0-9_\-./])?$/;
/** Mended tags to remember: each costs some 400 bytes. */
const MAX_MENDED = 10_000;

/** The name, or an empty text if no part of it is valid. */
export function metricName(name: string): string {
  if (name.length <= MAX_LENGTH && PLAIN_METRIC.test(name)) return name;
  return name
    .replace(/^[^A-Za-z]+/, "")
    .slice(0, MAX_LENGTH)
    .replace(/[^A-Za-z0-9_.]/g, "_");
}

/** The name of a tag in the case that it was given in, or an empty text if no part of it is valid. */
export function tagName(name: string): string {
  if (name.length <= MAX_LENGTH && PLAIN_TAG_NAME.test(name)) return name;
  return name
    .replace(/^[^\p{L}]+/u, "")
    .slice(0, MAX_LENGTH)
    .replace(/[^\p{L}\p{M}\p{N}_\-./]/gu, "_");
}

/** @param name the tag's name as it is stored: the two together have 200 characters */
export function tagValue(name: string, value: string): string {
  const room = Math.max(0, MAX_LENGTH - name.length - 1);
  if (value.length <= room && PLAIN_TAG_VALUE.test(value)) return value;
  return value.slice(0, room).replace(/[^\p{L}\p{M}\p{N}_\-:./]/gu, "_");
}

const mended = new Map<string, string>();

/** @param tag `key:value`, or a text alone. Returns it as Datadog stores it; an empty text if no part of it is valid. */
export function canonicalTag(tag: string): string {
  if (tag.length <= MAX_LENGTH && PLAIN_TAG.test(tag)) return tag;
  const known = mended.get(tag);
  if (known !== undefined) return known;
  const written = tag
    // Before all else: the lower case of a letter may be longer than the letter.
    .toLowerCase()
    .replace(/^[^\p{L}]+/u, "")
    .slice(0, MAX_LENGTH)
    .replace(/[^\p{L}\p{M}\p{N}_\-:./]/gu, "_")
    .replace(/:+$/, "");
  if (mended.size >= MAX_MENDED) mended.clear();
  if (tag.length <= 2 * MAX_LENGTH) mended.set(tag, written);
  return written;
}
