/** Replies of the broker, and their encoding in both versions of the Redis protocol. */
import { toWireText } from "./byte-text.js";

/** RESP2, with which every connection begins, or RESP3, after HELLO 3. */
export type Protocol = 2 | 3;

/** A string is a bulk string in the form of an argument (byte-text.ts), a number an integer, null a missing value. */
export type Reply =
  | string
  | number
  | null
  | Failure
  | { readonly kind: "status"; readonly text: string }
  | { readonly kind: "score"; readonly value: number }
  | { readonly kind: "list"; readonly items: readonly Reply[] }
  /** A missing list: RESP2 has two kinds of missing values. */
  | { readonly kind: "no list" }
  | { readonly kind: "map"; readonly entries: readonly (readonly [string, Reply])[] };

export interface Failure {
  readonly kind: "failure";
  /** Begins with a code, as in Redis: `ERR`, `NOAUTH`, … */
  readonly message: string;
}

/** Limit of a reply with looked-up values, in characters: it is in memory as a whole. */
export const MAX_ANSWER_LENGTH = 8 * 1024 * 1024;

export const OK: Reply = { kind: "status", text: "OK" };
export const NO_LIST: Reply = { kind: "no list" };
export const QUEUED: Reply = { kind: "status", text: "QUEUED" };

export function failure(message: string): Failure {
  return { kind: "failure", message };
}

/** Quotes a client's text for the message of a failure: one short line. */
export function quote(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, "?");
  return `'${plain.length > 64 ? `${plain.slice(0, 64)}...` : plain}'`;
}

export function list(items: readonly Reply[]): Reply {
  return { kind: "list", items };
}

export function isFailure(reply: object | string | number | null | undefined): reply is Failure {
  return typeof reply === "object" && reply !== null && "kind" in reply && reply.kind === "failure";
}

/** @returns a text with one character per byte */
export function encodeReply(reply: Reply, protocol: Protocol): string {
  if (typeof reply === "string") return bulk(reply);
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (reply === null) return protocol === 3 ? "_\r\n" : "$-1\r\n";
  switch (reply.kind) {
    case "status":
      return `+${reply.text}\r\n`;
    case "failure":
      return `-${oneLine(toWireText(reply.message))}\r\n`;
    case "score":
      return protocol === 3 ? `,${scoreText(reply.value)}\r\n` : bulk(scoreText(reply.value));
    case "no list":
      return protocol === 3 ? "_\r\n" : "*-1\r\n";
    case "list":
      return `*${reply.items.length}\r\n${reply.items.map((item) => encodeReply(item, protocol)).join("")}`;
    case "map": {
      const header = protocol === 3 ? `%${reply.entries.length}` : `*${reply.entries.length * 2}`;
      const entries = reply.entries.map(([name, value]) => bulk(name) + encodeReply(value, protocol));
      return `${header}\r\n${entries.join("")}`;
    }
  }
}

function bulk(text: string): string {
  const wire = toWireText(text);
  return `$${wire.length}\r\n${wire}\r\n`;
}

/** Approximate number of characters in a reply. */
export function lengthOf(reply: Reply): number {
  if (typeof reply === "string") return reply.length;
  if (typeof reply === "object" && reply?.kind === "list")
    return reply.items.reduce<number>((sum, item) => sum + lengthOf(item), 0);
  return 1;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, " ");
}

function scoreText(score: number): string {
  if (Number.isFinite(score)) return `${score}`;
  return score > 0 ? "inf" : "-inf";
}
