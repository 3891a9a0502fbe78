/**
 * What a client sends, cut into requests: arrays of bulk strings, and inline requests of one line.
 *
 * Promises: the requests are the same however the bytes were cut on their way. A request that isn't whole yet
 * waits, at the cost of its own bytes. What breaks a limit or the protocol is a fault, the last thing that the
 * parser says. It never throws. Bytes are read as UTF-8; what isn't becomes U+FFFD.
 *
 * The rules are those of https://redis.io/docs/latest/develop/reference/protocol-spec/; inline requests are
 * split at spaces and take no quotes.
 */

export interface RequestLimits {
  /** The most bytes of one request, its headers counted. */
  readonly requestBytes: number;
  /** The most arguments of one request, the command's name counted. */
  readonly arguments: number;
  /** The most bytes of one argument. */
  readonly argumentBytes: number;
}

export type Parsed =
  | { readonly kind: "request"; readonly args: readonly string[]; readonly bytes: number }
  | { readonly kind: "waiting" }
  | { readonly kind: "fault"; readonly reason: string };

const WAITING: Parsed = { kind: "waiting" };
const NOTHING: Buffer = Buffer.alloc(0);
const LONGEST_INLINE = 4096;
/** A header is `*` or `$`, a number, and the line's end. */
const LONGEST_HEADER = 16;

const ARRAY = 0x2a;
const BULK = 0x24;
const CR = 0x0d;
const LF = 0x0a;
const MINUS = 0x2d;
const ZERO = 0x30;

export class RequestParser {
  /** In force from the next header on, so that they can be raised once a client has given the password. */
  limits: RequestLimits;
  #bytes = NOTHING;
  #at = 0;
  /** Arrived since `#bytes` was last joined. */
  #arrived: Buffer[] = [];
  /** How many bytes are there, from `#at` on, and how many must be there before it is worth looking again. */
  #available = 0;
  #needed = 1;
  #args: string[] = [];
  #argsToCome = 0;
  /** The length of the argument whose header was read. */
  #argument: number | undefined;
  #requestBytes = 0;
  #fault: Parsed | undefined;

  constructor(limits: RequestLimits) {
    this.limits = limits;
  }

  push(bytes: Buffer): void {
    if (this.#fault !== undefined) return;
    this.#arrived.push(bytes);
    this.#available += bytes.length;
  }

  /** The next whole request, if it is there. */
  next(): Parsed {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#available < this.#needed) return WAITING;
    this.#join();
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

  #join(): void {
    if (this.#arrived.length === 0) return;
    const rest = this.#bytes.subarray(this.#at);
    const [first] = this.#arrived;
    if (rest.length === 0 && this.#arrived.length === 1 && first !== undefined) this.#bytes = first;
    else this.#bytes = Buffer.concat([rest, ...this.#arrived]);
    this.#at = 0;
    this.#arrived = [];
  }

  /** Reads an array's header, or a whole inline request; undefined where to go on. */
  #begin(): Parsed | undefined {
    if (this.#available === 0) return this.#wait(1);
    if (this.#bytes[this.#at] !== ARRAY) return this.#readInline();
    const count = this.#readHeader();
    if (count === undefined) return this.#wait(this.#available + 1);
    if (!(count <= this.limits.arguments)) return this.#stop("invalid multibulk length");
    if (count > 0) this.#argsToCome = count;
    else this.#requestBytes = 0;
    return undefined;
  }

  #readArgument(): Parsed | undefined {
    if (this.#argument === undefined) {
      if (this.#available === 0) return this.#wait(1);
      if (this.#bytes[this.#at] !== BULK) return this.#stop("expected '$' before an argument's length");
      const length = this.#readHeader();
      if (length === undefined) return this.#wait(this.#available + 1);
      if (!(length >= 0 && length <= this.limits.argumentBytes)) return this.#stop("invalid bulk length");
      if (this.#requestBytes + length > this.limits.requestBytes) return this.#stop("too big request");
      this.#argument = length;
    }
    const length = this.#argument;
    if (this.#available < length + 2) return this.#wait(length + 2);
    const end = this.#at + length;
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF)
      return this.#stop("an argument is longer than its length");
    this.#args.push(this.#bytes.toString("utf8", this.#at, end));
    this.#advance(length + 2);
    this.#argument = undefined;
    this.#argsToCome--;
    return undefined;
  }

  /** The number after a `*` or `$`; NaN where it is none, undefined where the line isn't whole yet. */
  #readHeader(): number | undefined {
    const bytes = this.#bytes;
    const negative = bytes[this.#at + 1] === MINUS;
    const first = this.#at + (negative ? 2 : 1);
    const longest = this.#at + LONGEST_HEADER;
    let number = 0;
    for (let at = first; at < longest; at++) {
      const byte = bytes[at];
      if (byte === undefined) return undefined;
      if (byte === CR) {
        const lineFeed = bytes[at + 1];
        if (lineFeed === undefined) return undefined;
        if (lineFeed !== LF || at === first) return Number.NaN;
        this.#advance(at + 2 - this.#at);
        return negative ? -number : number;
      }
      if (byte < ZERO || byte > ZERO + 9) return Number.NaN;
      number = number * 10 + (byte - ZERO);
    }
    return Number.NaN;
  }

  #readInline(): Parsed | undefined {
    const end = this.#bytes.indexOf(LF, this.#at);
    const length = end < 0 ? this.#available : end - this.#at;
    if (length > LONGEST_INLINE) return this.#stop("too big inline request");
    if (end < 0) return this.#wait(this.#available + 1);
    const line = this.#bytes.toString("utf8", this.#at, end).trim();
    this.#advance(length + 1);
    if (/["']/.test(line)) return this.#stop("inline requests take no quotes");
    if (line === "") {
      this.#requestBytes = 0;
      return undefined;
    }
    this.#args = line.split(/\s+/);
    if (this.#args.length > this.limits.arguments) return this.#stop("too many arguments");
    return this.#finish();
  }

  #advance(bytes: number): void {
    this.#at += bytes;
    this.#available -= bytes;
    this.#requestBytes += bytes;
  }

  #wait(needed: number): Parsed {
    this.#needed = needed;
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
    this.#bytes = NOTHING;
    this.#arrived = [];
    this.#args = [];
    return this.#fault;
  }
}
