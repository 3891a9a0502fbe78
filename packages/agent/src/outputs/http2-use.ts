/**
 * Decides whether HTTP/2 is offered to a server: not if only HTTP/1.1 works.
 *
 * A middlebox that intercepts TLS may accept HTTP/2 and then fail. So after two new connections in a row that ended before
 * their first answer, or one with invalid HTTP/2, the next one offers only HTTP/1.1. If a request then succeeds, HTTP/2 was
 * the cause, and isn't offered for a time; otherwise both are offered again.
 */
const HOUR_MS = 3_600_000;
const MAX_SILENT = 2;

export class Http2Use {
  readonly #now: () => number;
  #silent = 0;
  /** For which HTTP/2 won't be offered, in milliseconds. */
  #pause = 0;
  #notBefore = 0;

  /** @param now in milliseconds, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isOffered(): boolean {
    return this.#silent < MAX_SILENT && this.#now() >= this.#notBefore;
  }

  /** @param isAccepted whether the request succeeded: a server that requires HTTP/2 may refuse HTTP/1.1 */
  answered(protocol: "h2" | "http/1.1", isAccepted: boolean): void {
    const isByHttp1Alone = protocol === "http/1.1" && this.#silent >= MAX_SILENT;
    if (isByHttp1Alone && isAccepted) this.#notBefore = this.#now() + this.#pause;
    this.#silent = 0;
  }

  /** An HTTP/2 connection ended before its first answer. @param isBroken whether its data wasn't HTTP/2 */
  silent(isBroken: boolean): void {
    this.#silent = isBroken ? MAX_SILENT : this.#silent + 1;
    this.#pause = isBroken ? 24 * HOUR_MS : HOUR_MS;
  }

  /** A request over HTTP/1.1 failed, too. */
  failed(): void {
    this.#silent = 0;
  }

  /** No connection could be opened: the server may require HTTP/2, or be unavailable. */
  unopened(): void {
    this.#silent = 0;
    this.#notBefore = 0;
  }
}
