/**
 * Converts ids between Redis, which has bytes, and the store, which has strings.
 *
 * Promises: every id in Redis becomes a string that converts back to the same bytes, so a record with a broken id can be
 * rejected like any other instead of being read forever. A byte that isn't UTF-8 becomes a lone surrogate, U+DC00 plus the
 * byte, like Python's `surrogateescape`.
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

/** Whether decoding a reply as UTF-8 lost bytes: the command must be repeated with {@link idTexts}. */
export function isDamaged(reply: readonly string[]): boolean {
  return reply.some((text) => text.includes(REPLACEMENT));
}

/** Sends the command and returns its reply with ids of any bytes as convertible strings. */
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

/** Length in bytes of the UTF-8 character that starts here; 0 if there is none. */
function characterLength(bytes: Buffer, start: number): number {
  for (let length = 1; length <= MAX_CHARACTER_BYTES && start + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(start, start + length))) return length;
  }
  return 0;
}
