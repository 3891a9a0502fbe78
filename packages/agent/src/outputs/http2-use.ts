/**
 * Whether HTTP/2 is offered to a server: not if requests are answered by HTTP/1.1 alone.
 *
 * A middlebox that opens TLS may take the offer and then do nothing good with it. So after two new connections in a row that
 * ended before their first answer, or one that spoke something else than HTTP/2, the next one offers HTTP/1.1 alone. Only if
 * that is answered with a success was it HTTP/2; otherwise both are offered again.
 */
const HOUR_MS = 3_600_000;
const MAX_SILENT = 2;

export class Http2Use {
  readonly #now: () => number;
  #silent = 0;
  /** How long HTTP/2 would not be offered. */
  #pause = 0;
  #notBefore = 0;

  /** @param now in milliseconds, never set back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isOffered(): boolean {
    return this.#silent < MAX_SILENT && this.#now() >= this.#notBefore;
  }

  /** @param isAccepted whether by a success: what else comes by HTTP/1.1 may be a server's that wants HTTP/2 */
  answered(protocol: "h2" | "http/1.1", isAccepted: boolean): void {
    const isByHttp1Alone = protocol === "http/1.1" && this.#silent >= MAX_SILENT;
    if (isByHttp1Alone && isAccepted) this.#notBefore = this.#now() + this.#pause;
    this.#silent = 0;
  }

  /** A connection by HTTP/2 ended before its first answer. @param isBroken something else was spoken on it */
  silent(isBroken: boolean): void {
    this.#silent = isBroken ? MAX_SILENT : this.#silent + 1;
    this.#pause = isBroken ? 24 * HOUR_MS : HOUR_MS;
  }

  /** A request by HTTP/1.1 failed, too. */
  failed(): void {
    this.#silent = 0;
  }

  /** No connection could be opened: the server may want HTTP/2, or nothing is there. */
  unopened(): void {
    this.#silent = 0;
    this.#notBefore = 0;
  }
}
