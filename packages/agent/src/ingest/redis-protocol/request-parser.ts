/**
 * Parses requests: arrays of bulk strings, and inline requests of one line.
 *
 * Promises: the requests don't depend on how the bytes were split into chunks. An incomplete request takes at most about twice
 * its received bytes of memory, however small the chunks are, and never the size that its headers announce. A request that
 * breaks a limit or the protocol is a fault, which ends the parsing. The parser never throws. Arguments are in the form of
 * byte-text.ts.
 *
 * The rules are those of https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
import { argumentOf } from "./byte-text.js";
import { splitInline } from "./inline-request.js";

export interface RequestLimits {
  /** Maximum bytes of a request, headers included. */
  readonly requestBytes: number;
  /** Maximum number of arguments, the command's name included. */
  readonly arguments: number;
  /** Maximum bytes of an argument. */
  readonly argumentBytes: number;
}

export type Parsed =
  | { readonly kind: "request"; readonly args: readonly string[]; readonly bytes: number }
  | { readonly kind: "waiting" }
  | { readonly kind: "fault"; readonly reason: string };

const WAITING: Parsed = { kind: "waiting" };
const NOTHING: Buffer = Buffer.alloc(0);
const MIN_CAPACITY = 256;
/** Up to this much unused memory isn't worth a copy to release it. */
const MAX_FREE_BYTES = 4096;
/** Approximate memory of an argument, besides its bytes. */
const ARGUMENT_OVERHEAD = 64;
const MAX_INLINE = 4096;
/** Limit of a header: `*` or `$`, a number, and the end of the line. */
const MAX_HEADER = 16;

const ARRAY = 0x2a;
const BULK = 0x24;
const CR = 0x0d;
const LF = 0x0a;
const MINUS = 0x2d;
const ZERO = 0x30;

export class RequestParser {
  /** May change: applied from the next header on. They are raised after the login. */
  limits: RequestLimits;
  /** Received bytes that aren't parsed are from `#at` to `#end`. Only a buffer of the parser's own has room after them. */
  #bytes = NOTHING;
  #at = 0;
  #end = 0;
  /** Number of available bytes below which parsing can't continue. */
  #needed = 1;
  #args: string[] = [];
  #argsToCome = 0;
  /** Length of the current argument; undefined before its header was read. */
  #argument: number | undefined;
  #requestBytes = 0;
  #fault: Parsed | undefined;

  constructor(limits: RequestLimits) {
    this.limits = limits;
  }

  /** Bytes that it holds in memory; 0 only between two requests. */
  get heldBytes(): number {
    return this.#bytes.length + this.#requestBytes + this.#args.length * ARGUMENT_OVERHEAD;
  }

  push(chunk: Buffer): void {
    if (this.#fault !== undefined) return;
    const rest = this.#available();
    if (rest === 0) {
      this.#bytes = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      return;
    }
    if (this.#bytes.length - this.#end < chunk.length) this.#moveTo(this.#capacityFor(chunk.length));
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /**
   * At least twice the available bytes, so that each byte is copied only a few times, however small the chunks are; but not
   * more than the current argument needs.
   */
  #capacityFor(arriving: number): number {
    const total = this.#available() + arriving;
    return arriving >= this.#available()
      ? total
      : Math.max(total, Math.min(2 * total, this.#needed + MAX_FREE_BYTES));
  }

  #available(): number {
    return this.#end - this.#at;
  }

  /** Moves the available bytes to the beginning of a new buffer. */
  #moveTo(capacity: number): void {
    // Not from Node's pool: a small slice would keep 8 kB in memory.
    const bytes = Buffer.allocUnsafeSlow(Math.max(MIN_CAPACITY, capacity));
    this.#end = this.#bytes.copy(bytes, 0, this.#at, this.#end);
    this.#at = 0;
    this.#bytes = bytes;
  }

  /** The next complete request, if there is one. */
  next(): Parsed {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#available() < this.#needed) {
      return this.#available() === 0 ? this.#wait(this.#needed) : WAITING;
    }
    while (this.#argsToCome === 0) {
      const begun = this.#begin();
      if (begun !== undefined) return begun;
    }
    while (this.#argsToCome > 0) {
      const stopped = this.#readArgument();
      if (stopped !== undefined) return stopped;
    }
    return this.#finish();
  }

  /** Reads an array's header, or a whole inline request; undefined to continue. */
  #begin(): Parsed | undefined {
    if (this.#available() === 0) return this.#wait(1);
    if (this.#bytes[this.#at] !== ARRAY) return this.#readInline();
    const count = this.#readHeader();
    if (count === undefined) return this.#wait(this.#available() + 1);
    if (!(count <= this.limits.arguments)) return this.#stop("invalid multibulk length");
    if (count > 0) this.#argsToCome = count;
    else this.#requestBytes = 0;
    return undefined;
  }

  #readArgument(): Parsed | undefined {
    if (this.#argument === undefined) {
      if (this.#available() === 0) return this.#wait(1);
      if (this.#bytes[this.#at] !== BULK) return this.#stop("expected '$' before an argument's length");
      const length = this.#readHeader();
      if (length === undefined) return this.#wait(this.#available() + 1);
      if (!(length >= 0 && length <= this.limits.argumentBytes)) return this.#stop("invalid bulk length");
      if (this.#requestBytes + length > this.limits.requestBytes) return this.#stop("too big request");
      this.#argument = length;
    }
    const length = this.#argument;
    if (this.#available() < length + 2) return this.#wait(length + 2);
    const end = this.#at + length;
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF)
      return this.#stop("expected CRLF after an argument");
    this.#args.push(argumentOf(this.#bytes, this.#at, end));
    this.#advance(length + 2);
    this.#argument = undefined;
    this.#argsToCome--;
    return undefined;
  }

  /** The number after a `*` or `$`; NaN if it isn't a number, undefined if the line isn't complete. */
  #readHeader(): number | undefined {
    const bytes = this.#bytes;
    const negative = this.#available() > 1 && bytes[this.#at + 1] === MINUS;
    const first = this.#at + (negative ? 2 : 1);
    const limit = this.#at + MAX_HEADER;
    let number = 0;
    for (let at = first; at < limit; at++) {
      const byte = bytes[at];
      if (at >= this.#end || byte === undefined) return undefined;
      if (byte === CR) {
        if (at + 1 >= this.#end) return undefined;
        if (bytes[at + 1] !== LF || at === first) return Number.NaN;
        this.#advance(at + 2 - this.#at);
        return negative ? -number : number;
      }
      if (byte < ZERO || byte > ZERO + 9) return Number.NaN;
      number = number * 10 + (byte - ZERO);
    }
    return Number.NaN;
  }

  #readInline(): Parsed | undefined {
    const available = this.#bytes.subarray(this.#at, this.#end);
    const end = available.indexOf(LF);
    const length = end < 0 ? available.length : end;
    if (length > MAX_INLINE) return this.#stop("too big inline request");
    if (end < 0) return this.#wait(available.length + 1);
    const words = splitInline(available.toString("latin1", 0, end));
    this.#advance(length + 1);
    if (words === undefined) return this.#stop("unbalanced quotes in request");
    if (words.length > this.limits.arguments) return this.#stop("too many arguments");
    if (words.length === 0) {
      this.#requestBytes = 0;
      return undefined;
    }
    this.#args = words.map((word) => argumentOf(Buffer.from(word, "latin1"), 0, word.length));
    return this.#finish();
  }

  #advance(bytes: number): void {
    this.#at += bytes;
    this.#requestBytes += bytes;
  }

  /** Waits for the rest of a request, and releases unused memory. */
  #wait(needed: number): Parsed {
    this.#needed = needed;
    const rest = this.#available();
    if (rest === 0) this.#drop();
    else if (this.#bytes.length > 2 * rest + MAX_FREE_BYTES) this.#moveTo(2 * rest);
    return WAITING;
  }

  #finish(): Parsed {
    const request: Parsed = { kind: "request", args: this.#args, bytes: this.#requestBytes };
    this.#args = [];
    this.#requestBytes = 0;
    this.#needed = 1;
    return request;
  }

  #stop(reason: string): Parsed {
    this.#fault = { kind: "fault", reason };
    this.clear();
    return this.#fault;
  }

  /** Drops the received part of a request. */
  clear(): void {
    this.#drop();
    this.#args = [];
    this.#argsToCome = 0;
    this.#argument = undefined;
    this.#requestBytes = 0;
    this.#needed = 1;
  }

  #drop(): void {
    this.#bytes = NOTHING;
    this.#at = 0;
    this.#end = 0;
  }
}
