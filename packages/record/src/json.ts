/**
 * Parses JSON as programs on a device write it.
 *
 * It accepts Python's NaN and Infinity, and can return the source text of numbers: in a tag 1.0 isn't 1, and
 * 9007199254740993 isn't a double.
 */

/** Maximum nesting of arrays and objects. Datadog reads 20 levels. */
const MAX_DEPTH = 100;
const QUOTE = 34;
const BACKSLASH = 92;
const [ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [91, 93, 123, 125];
/**
 * A string that doesn't end goes to the end of the text. If it didn't match, each quote in it would be tried as the start of
 * another one: minutes for a record of 100 kB.
 */
const NOT_FINITE = /"[^"\\]*(?:\\.?[^"\\]*)*"?|-?Infinity|NaN/gs;
const SCALARS = /"[^"\\]*(?:\\.?[^"\\]*)*"?|-?Infinity|NaN|-?\d[\d.eE+-]*/gs;

/**
 * The parsed value, with NaN and Infinity as strings.
 *
 * @throws SyntaxError from JSON.parse; RangeError if it is nested too deeply
 */
export function parseJson(text: string): unknown {
  // Checked first: JSON.parse accepts any depth, and takes seconds for a million levels.
  if (isTooDeep(text)) throw new RangeError(`nested more than ${MAX_DEPTH} levels deep`);
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(NOT_FINITE, (token) => (isText(token) ? token : `"${token}"`)));
  }
}

/** Whether JSON is nested too deeply. The result for any other text is arbitrary. */
function isTooDeep(text: string): boolean {
  // Each level takes two characters.
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

/** The end of the string that starts here. */
function textEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

export type Fields = Readonly<Record<string, unknown>>;

/** The source text of a JSON scalar: a string starts with `"`, a number is as written. */
export type Source = string;

/**
 * Like {@link parseJson}, but strings and numbers are replaced by their {@link Source}; the names of fields start with `"`
 * as well.
 *
 * @param text that {@link parseJson} has accepted
 */
export function parseSources(text: string): unknown {
  return JSON.parse(
    text.replace(SCALARS, (token) => (isText(token) ? `"\\"${token.slice(1)}` : `"${token}"`)),
  );
}

function isText(token: string): boolean {
  return token.charCodeAt(0) === QUOTE;
}
