/** What an exchange with a server has in both protocols: request, answer, time limits, and a closed connection. */
import type { IncomingHttpHeaders } from "node:http";
import type { Milliseconds } from "@chouette-iot/record";

export interface ExchangedRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body of the answer, or its beginning. */
  readonly text: string;
}

export interface ExchangeTimeouts {
  readonly connect: Milliseconds;
  /** Without any progress: no byte of the request acknowledged, none of the answer received. */
  readonly answer: Milliseconds;
}

export interface ExchangeOptions {
  readonly timeouts: ExchangeTimeouts;
  readonly signal: AbortSignal;
  /** Called with the number of bytes of each part of the body. */
  onSent(bytes: number): void;
}

/** Intakes' answers are much shorter. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Size of a part. If a body is cut off, the bytes of its sent parts are counted. */
const PART_BYTES = 16 * 1024;

/** Splits a body. @param onSent called with the length of each part when it is taken */
export function* partsOf(body: Uint8Array, onSent: (bytes: number) => void): Generator<Uint8Array> {
  for (let start = 0; start < body.length; start += PART_BYTES) {
    const part = body.subarray(start, start + PART_BYTES);
    onSent(part.length);
    yield part;
  }
}

/** Collects the body of an answer, up to a limit. */
export class AnswerText {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns whether more may be read */
  add(part: Buffer): boolean {
    this.#parts.push(part);
    this.#bytes += part.length;
    return this.#bytes <= MAX_ANSWER_BYTES;
  }

  toString(): string {
    return Buffer.concat(this.#parts).toString();
  }
}

/** A connection that was kept from an earlier request turned out to be closed. The server may well be available. */
export class ClosedConnectionError extends Error {
  override readonly name = "ClosedConnectionError";
}

/** Whether the error is that of a connection that was closed, by either end, between two requests. */
export function isConnectionLoss(error: NodeJS.ErrnoException): boolean {
  return error.code === "ECONNRESET" || error.code === "EPIPE";
}
