/**
 * Any bytes as one text, and back: what a client sends is UTF-8 nearly always, but need not be.
 *
 * Three forms. An **argument** is the text, or a lone surrogate and then one character for each byte if the bytes
 * aren't UTF-8: nothing that is UTF-8 decodes to a lone surrogate. A **wire text** has one character for each byte.
 * A **stored** value or id is an argument in a form that every engine of the store can hold.
 *
 * Promises: from each form the same bytes come back. A value or id that is text is stored as it is, but for those that
 * look like an escaped one. No stored id holds control characters: engines have trouble with some of them as keys.
 */
import { isUtf8 } from "node:buffer";
import { MAX_ID_BYTES } from "@chouette-iot/queue";

const RAW = "\udc00";
const RAW_CODE = 0xdc00;
const REPLACEMENT = "\ufffd";

/**
 * Stored values that begin with a NUL, which no JSON does: a letter for their form follows. So are those that begin with
 * a NUL themselves, and the empty one, which an engine may take for none.
 */
const VALUE_OF_BYTES = "\0b";
const VALUE_OF_TEXT = "\0t";

/** Stored ids that are the bytes in base64. */
const ID_OF_BYTES = "bytes:";
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NEEDS_ESCAPE = /^bytes:|^\udc00|[\0-\x1f]/;

/** The argument that these bytes are. */
export function argumentOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString("utf8", start, end);
  if (!text.includes(REPLACEMENT) || isUtf8(bytes.subarray(start, end))) return text;
  return RAW + bytes.toString("latin1", start, end);
}

/** @returns the argument as one character for each byte */
export function toWireText(argument: string): string {
  if (argument.charCodeAt(0) === RAW_CODE) return argument.slice(RAW.length);
  const isAscii = Buffer.byteLength(argument) === argument.length;
  return isAscii ? argument : Buffer.from(argument).toString("latin1");
}

function fromWireText(wire: string): string {
  const bytes = Buffer.from(wire, "latin1");
  return argumentOf(bytes, 0, bytes.length);
}

export function toStoredValue(argument: string): string {
  const first = argument.charCodeAt(0);
  if (first === RAW_CODE) return VALUE_OF_BYTES + argument.slice(RAW.length);
  return first === 0 || argument === "" ? VALUE_OF_TEXT + argument : argument;
}

export function fromStoredValue(stored: string): string {
  if (stored.startsWith(VALUE_OF_BYTES)) return RAW + stored.slice(VALUE_OF_BYTES.length);
  return stored.startsWith(VALUE_OF_TEXT) ? stored.slice(VALUE_OF_TEXT.length) : stored;
}

/** Undefined if no id may be like this: an empty one, or one whose stored form is too long. */
export function toStoredId(argument: string): string | undefined {
  if (argument === "") return undefined;
  const id = NEEDS_ESCAPE.test(argument)
    ? ID_OF_BYTES + Buffer.from(toWireText(argument), "latin1").toString("base64url")
    : argument;
  // A character has at most three bytes for each of its units: most ids need no counting.
  return id.length * 3 <= MAX_ID_BYTES || Buffer.byteLength(id) <= MAX_ID_BYTES ? id : undefined;
}

export function fromStoredId(stored: string): string {
  if (!stored.startsWith(ID_OF_BYTES)) return stored;
  return fromWireText(Buffer.from(stored.slice(ID_OF_BYTES.length), "base64url").toString("latin1"));
}
