/**
 * JSON as the programs of a device write it.
 *
 * Beside JSON itself it takes Python's NaN and Infinity, and it can say how a number was written, which the number
 * doesn't: 1.0 isn't 1 in a tag, and 9007199254740993 isn't a double.
 */

/** Levels of arrays and objects inside each other. Datadog looks into 20 of them. */
const MAX_DEPTH = 100;
const QUOTE = 34;
const BACKSLASH = 92;
const [ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [91, 93, 123, 125];
const NOT_FINITE = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/gs;
const SCALARS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN|-?\d[\d.eE+-]*/gs;

/**
 * What the text stands for; NaN and Infinity become texts.
 *
 * @throws what JSON.parse throws, or a RangeError if it is nested too deeply
 */
export function parseJson(text: string): unknown {
  // Before it is parsed: JSON.parse takes any depth, and seconds for a million levels.
  if (isTooDeep(text)) throw new RangeError(`nested more than ${MAX_DEPTH} levels deep`);
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    return JSON.parse(text.replace(NOT_FINITE, (token) => (isText(token) ? token : `"${token}"`)));
  }
}

/** Of a text that is JSON, whether it is nested too deeply; of any other, anything. */
function isTooDeep(text: string): boolean {
  // A level takes two characters.
  if (text.length <= 2 * MAX_DEPTH) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = textEnd(text, at);
    else if (code === ARRAY || code === OBJECT) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (code === ARRAY_END || code === OBJECT_END) depth -= 1;
  }
  return false;
}

/** Where the text ends that begins here. */
function textEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
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
  return token.charCodeAt(0) === QUOTE;
}
