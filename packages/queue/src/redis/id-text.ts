/**
 * Ids between Redis, which holds bytes, and the store, which has strings.
 *
 * Promises: every id that Redis may hold becomes a string that leads back to the same bytes, so that a record
 * with a broken id can be rejected like any other and doesn't come back forever. A byte that is not UTF-8
 * becomes a lone surrogate, U+DC00 and the byte, as in Python's `surrogateescape`.
 */
import { isUtf8 } from "node:buffer";
import { RESP_TYPES } from "@redis/client";
import type { RedisConnection } from "./redis-connection.js";

const ESCAPE = 0xdc00;
const MAX_CHARACTER_BYTES = 4;
const REPLACEMENT = "\ufffd";
const LONE_SURROGATE = /[\udc80-\udcff]/u;

/** The id as an argument of a command. */
export function idArgument(id: string): string | Buffer {
  if (!LONE_SURROGATE.test(id)) return id;
  return Buffer.concat(
    Array.from(id, (character) =>
      LONE_SURROGATE.test(character) ? Buffer.of(character.charCodeAt(0) - ESCAPE) : Buffer.from(character),
    ),
  );
}

/** Whether a reply holds what can't be distinguished as text: it is to be asked for again, as {@link idTexts}. */
export function isDamaged(reply: readonly string[]): boolean {
  return reply.some((text) => text.includes(REPLACEMENT));
}

/** A reply whose texts may be ids of any bytes, each as a string that leads back to them. */
export async function idTexts(
  connection: RedisConnection,
  command: readonly (string | Buffer)[],
): Promise<readonly string[]> {
  const inBytes = connection.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const reply = await inBytes.sendCommand<(Buffer | Buffer[])[]>([...command]);
  return reply.flat().map(textOf);
}

function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = "";
  for (let start = 0; start < bytes.length; ) {
    const length = characterLength(bytes, start);
    if (length === 0) text += String.fromCharCode(ESCAPE + (bytes[start] ?? 0));
    else text += bytes.toString("utf8", start, start + length);
    start += Math.max(1, length);
  }
  return text;
}

/** How many bytes the character has that begins here, or 0 if none does. */
function characterLength(bytes: Buffer, start: number): number {
  for (let length = 1; length <= MAX_CHARACTER_BYTES && start + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(start, start + length))) return length;
  }
  return 0;
}
