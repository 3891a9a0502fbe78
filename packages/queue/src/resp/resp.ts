/**
 * RESP2, Redis' protocol: encodes commands and parses replies.
 *
 * Promises: no reply, however large, nested or malformed, takes more memory than MAX_REPLY_BYTES; an invalid one throws.
 */

/** A server's reply. An error inside a transaction is one of the replies in its array. */
export type Reply = string | number | null | ErrorReply | readonly Reply[];

/** The server's own error, such as `OOM command not allowed …`. */
export class ErrorReply extends Error {
  override readonly name = "ErrorReply";
}

const MAX_REPLY_BYTES = 1024 * 1024;
const MAX_DEPTH = 8;
const NOTHING = Buffer.alloc(0);

export interface EncodedCommands {
  readonly text: string;
  /** The encoding of the text on the wire. */
  readonly encoding: "latin1" | "utf8";
  /** Number of commands, and so of replies. */
  readonly count: number;
}

/** Encodes commands for one write. Most are ASCII: then one check of the whole replaces measuring each argument. */
export function encodeCommands(commands: readonly (readonly string[])[]): EncodedCommands {
  const count = commands.length;
  const text = commandsText(commands, (arg) => arg.length);
  if (Buffer.byteLength(text) === text.length) return { text, encoding: "latin1", count };
  return { text: commandsText(commands, Buffer.byteLength), encoding: "utf8", count };
}

function commandsText(commands: readonly (readonly string[])[], lengthOf: (arg: string) => number): string {
  let text = "";
  for (const args of commands) {
    text += `*${args.length}\r\n`;
    for (const arg of args) text += `$${lengthOf(arg)}\r\n${arg}\r\n`;
  }
  return text;
}

export class ReplyReader {
  #bytes: Buffer = NOTHING;
  #at = 0;

  /** The replies that this chunk completes. Throws if the bytes aren't valid replies. */
  read(chunk: Buffer): readonly Reply[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const replies: Reply[] = [];
    let end = 0;
    for (this.#at = 0; this.#at < this.#bytes.length; end = this.#at) {
      const reply = this.#next(0);
      if (reply === undefined) break;
      replies.push(reply);
    }
    this.#bytes = this.#bytes.subarray(end);
    if (this.#bytes.length > MAX_REPLY_BYTES) throw new Error("the server's answer is too long");
    return replies;
  }

  /** The next reply; undefined if it is incomplete. */
  #next(depth: number): Reply | undefined {
    const end = this.#bytes.indexOf("\r\n", this.#at, "latin1");
    if (end < 0) return undefined;
    const type = this.#bytes[this.#at];
    const line = this.#bytes.toString("utf8", this.#at + 1, end);
    this.#at = end + 2;
    switch (type) {
      case 0x2b: // +
        return line;
      case 0x2d: // -
        return new ErrorReply(line);
      case 0x3a: // :
        return integer(line);
      case 0x24: // $
        return this.#bulk(integer(line));
      case 0x2a: // *
        return this.#array(integer(line), depth);
      default:
        throw noReply();
    }
  }

  #bulk(length: number): string | null | undefined {
    if (length === -1) return null;
    const end = this.#at + length;
    if (length < 0 || length > MAX_REPLY_BYTES) throw noReply();
    if (this.#bytes.length < end + 2) return undefined;
    const text = this.#bytes.toString("utf8", this.#at, end);
    this.#at = end + 2;
    return text;
  }

  #array(length: number, depth: number): readonly Reply[] | null | undefined {
    if (length === -1) return null;
    if (length < 0 || length > MAX_REPLY_BYTES || depth >= MAX_DEPTH) throw noReply();
    const items: Reply[] = [];
    while (items.length < length) {
      const item = this.#next(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }
}

function integer(line: string): number {
  if (!/^-?\d{1,15}$/.test(line)) throw noReply();
  return Number(line);
}

function noReply(): Error {
  return new Error("the server's answer makes no sense: is this a Redis server, without TLS?");
}
