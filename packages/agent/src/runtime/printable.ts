/**
 * Text from elsewhere, made fit to be shown.
 *
 * Records, dead letters and answers may hold control characters: escape sequences that steer a terminal (OSC 52 writes
 * to its clipboard) and line ends that forge lines of a log. Everything that is printed goes through here.
 */

/** One line: control characters, line ends among them, become U+FFFD. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "\ufffd");
}

/** Text of several lines, such as an error's: each as {@link printable} has it, those after the first indented. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n  ");
}

/** JSON text with the control characters that JSON leaves as they are (DEL and C1) escaped, so that it stays the same value. */
export function printableJson(json: string): string {
  return json.replace(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
