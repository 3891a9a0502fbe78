/**
 * JSON as the programs of a device write it.
 *
 * Beside JSON itself it takes Python's NaN and Infinity, and it can say how a number was written, which the number
 * doesn't: 1.0 isn't 1 in a tag, and 9007199254740993 isn't a double.
 */

/** Levels of arrays and objects inside each other. Datadog looks into 20 of them. */
const MAX_DEPTH = 100;
const NOT_FINITE = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/gs;
const SCALARS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN|-?\d[\d.eE+-]*/gs;

/**
 * What the text stands for; NaN and Infinity become texts.
 *
 * @throws what JSON.parse throws, or a RangeError if it is nested too deeply
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    value = JSON.parse(text.replace(NOT_FINITE, (token) => (isText(token) ? token : `"${token}"`)));
  }
  // A level takes two characters.
  if (text.length > 2 * MAX_DEPTH && isDeeperThan(value, MAX_DEPTH))
    throw new RangeError(`nested more than ${MAX_DEPTH} levels deep`);
  return value;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(item, levels - 1));
  for (const key in value) if (isDeeperThan((value as Fields)[key], levels - 1)) return true;
  return false;
}

export type Fields = Readonly<Record<string, unknown>>;

/** Of a scalar in JSON: a text begins with `"`, a number is as it was written. */
export type Source = string;

/**
 * What {@link parseJson} makes of the text, but for texts and numbers: these are their {@link Source}, and the names of
 * fields begin with `"` as well.
 *
 * @param text that {@link parseJson} has taken
 */
export function parseSources(text: string): unknown {
  return JSON.parse(
    text.replace(SCALARS, (token) => (isText(token) ? `"\\"${token.slice(1)}` : `"${token}"`)),
  );
}

function isText(token: string): boolean {
  return token.charCodeAt(0) === 34;
}
