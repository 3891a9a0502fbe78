/**
 * Makes untrusted text safe to print.
 *
 * Records, dead letters and responses may contain control characters: escape sequences that a terminal obeys (OSC 52
 * writes to the clipboard), and line breaks that forge log lines. Everything that is printed goes through here.
 */

/** A single line: control characters, line breaks included, become U+FFFD. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "\ufffd");
}

/** For text of several lines, such as an error: {@link printable} for each, and the following ones are indented. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n  ");
}

/** The value as JSON on several lines, which can be printed. */
export function printableDocument(value: unknown): string {
  return `${printableJson(JSON.stringify(value, undefined, 2))}\n`;
}

/** Escapes the control characters that JSON doesn't (DEL and C1). The JSON value stays the same. */
export function printableJson(json: string): string {
  return json.replace(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
