/**
 * Converts arbitrary bytes to strings and back: clients nearly always send UTF-8, but needn't.
 *
 * There are three forms. An **argument** is the text, or, if the bytes aren't UTF-8, a lone surrogate followed by one character
 * per byte: UTF-8 never decodes to a lone surrogate. A **wire text** has one character per byte. A **stored** value or id is an
 * argument in a form that every engine of the store supports.
 *
 * Promises: each form can be converted back to the same bytes. Text is stored unchanged, unless it looks like an escaped value
 * or id. Stored ids contain no control characters: as keys, some of them are a problem for engines.
 */
import { isUtf8 } from "node:buffer";
import { MAX_ID_BYTES } from "@chouette-iot/queue";

const RAW = "\udc00";
const RAW_CODE = 0xdc00;
const REPLACEMENT = "\ufffd";

/**
 * Prefixes of stored values: a NUL, with which no JSON begins, and a letter for the form. Texts that begin with a NUL are
 * stored in this form, too, and so is the empty one, which an engine may take for a missing value.
 */
const VALUE_OF_BYTES = "\0b";
const VALUE_OF_TEXT = "\0t";

/** Prefix of stored ids in base64. */
const ID_OF_BYTES = "bytes:";
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NEEDS_ESCAPE = /^bytes:|^\udc00|[\0-\x1f]/;

/** The argument for these bytes. */
export function argumentOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString("utf8", start, end);
  if (!text.includes(REPLACEMENT) || isUtf8(bytes.subarray(start, end))) return text;
  return RAW + bytes.toString("latin1", start, end);
}

/** @returns the argument with one character per byte */
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

/** Undefined for an invalid id: an empty one, or one whose stored form is too long. */
export function toStoredId(argument: string): string | undefined {
  if (argument === "") return undefined;
  const id = NEEDS_ESCAPE.test(argument)
    ? ID_OF_BYTES + Buffer.from(toWireText(argument), "latin1").toString("base64url")
    : argument;
  // A UTF-16 unit takes at most three bytes: most ids needn't be counted.
  return id.length * 3 <= MAX_ID_BYTES || Buffer.byteLength(id) <= MAX_ID_BYTES ? id : undefined;
}

export function fromStoredId(stored: string): string {
  if (!stored.startsWith(ID_OF_BYTES)) return stored;
  return fromWireText(Buffer.from(stored.slice(ID_OF_BYTES.length), "base64url").toString("latin1"));
}
