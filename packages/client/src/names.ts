/**
 * Names and tags as Datadog takes them, so that what an application calls a thing is what it finds there.
 *
 * A metric's name: ASCII letters, digits, `_` and `.`, beginning with a letter, 200 characters. A tag: letters of any
 * script, digits and `_ - : . /`, beginning with a letter, 200 characters with its name. Anything else becomes `_`; what
 * comes before the first letter goes. Letters keep their case: Datadog lowers that of tags itself.
 *
 * (Source: Datadog's documentation, "Custom metrics: naming" and "Defining tags".)
 */

const LONGEST = 200;
/** Most tags are right as they are, which takes less to see than to mend. */
const PLAIN_NAME = /^[A-Za-z][A-Za-z0-9_\-./]*$/;
const PLAIN_VALUE = /^[A-Za-z0-9_\-:./]*$/;

/** The name, or an empty text where nothing of it can stand. */
export function metricName(name: string): string {
  return name
    .replace(/^[^A-Za-z]+/, "")
    .slice(0, LONGEST)
    .replace(/[^A-Za-z0-9_.]/g, "_");
}

/** The name of a tag, or an empty text where nothing of it can stand. */
export function tagName(name: string): string {
  if (name.length <= LONGEST && PLAIN_NAME.test(name)) return name;
  return name
    .replace(/^[^\p{L}]+/u, "")
    .slice(0, LONGEST)
    .replace(/[^\p{L}\p{M}\p{N}_\-./]/gu, "_");
}

/** @param name the tag's name as it is stored: the two together have 200 characters */
export function tagValue(name: string, value: string): string {
  const room = Math.max(0, LONGEST - name.length - 1);
  if (value.length <= room && PLAIN_VALUE.test(value)) return value;
  return value.slice(0, room).replace(/[^\p{L}\p{M}\p{N}_\-:./]/gu, "_");
}
