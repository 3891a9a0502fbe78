/**
 * Replaces one field of a JSON record in its text.
 *
 * The rest of the text is unchanged: numbers may have more digits than a double can hold, `1.0` isn't `1` in a tag, and
 * Python writes NaN.
 */

/**
 * Strings and punctuation of JSON. A string that doesn't end goes to the end of the text: if it didn't match, each quote in it
 * would be tried as the start of another one.
 */
const TOKENS = /"[^"\\]*(?:\\.?[^"\\]*)*"?|[{}[\],:]/gs;

/**
 * @param text of a JSON object; any other text is returned unchanged
 * @param replacement takes and returns a value of the field as JSON, for each occurrence; undefined leaves it unchanged
 */
export function replaceField(
  text: string,
  field: string,
  replacement: (value: string) => string | undefined,
): string {
  let replaced = "";
  let copied = 0;
  for (const { from, to } of valuesOf(text, field)) {
    const value = text.slice(from, to);
    replaced += text.slice(copied, from) + (replacement(value.trim()) ?? value);
    copied = to;
  }
  return replaced + text.slice(copied);
}

/** The positions of the field's values in the text; only those of the outermost object. */
function* valuesOf(text: string, field: string): Generator<{ readonly from: number; readonly to: number }> {
  const open: string[] = [];
  let name: string | undefined;
  let from: number | undefined;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const isOutermost = open.length === 1 && open[0] === "{";
    if (isOutermost && (token === "," || token === "}")) {
      if (from !== undefined) yield { from, to: index };
      from = undefined;
      name = undefined;
    } else if (isOutermost && token === ":" && name === field) from = index + 1;
    else if (isOutermost && token.startsWith('"') && from === undefined) name = textOf(token);
    if (token === "{" || token === "[") open.push(token);
    else if (token === "}" || token === "]") open.pop();
  }
}

function textOf(token: string): string | undefined {
  try {
    return JSON.parse(token);
  } catch {
    return undefined;
  }
}
