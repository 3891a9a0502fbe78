/**
 * Requests to an intake, and what its answers mean.
 *
 * Promises: every request ends, by an answer, a failure or a time-out, and none throws. Connections are kept
 * alive between requests and thrown away after a failure, since a link that was down leaves dead ones behind.
 * Every byte of a body that went out is counted, whatever became of it.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { type ConnectionOptions, Connections } from "./connections.js";
import { type ExchangeTimeouts, exchange } from "./exchange.js";
import type { Outcome } from "./output.js";

export interface HttpRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface HttpTimeouts extends ExchangeTimeouts {
  /** For the request as a whole, on a link that lets through a trickle. */
  readonly whole: Milliseconds;
  /** How long a connection without a request is kept. */
  readonly keepAlive: Milliseconds;
}

const TIMEOUTS: HttpTimeouts = {
  connect: milliseconds(10_000),
  answer: milliseconds(30_000),
  whole: milliseconds(120_000),
  keepAlive: milliseconds(90_000),
};
/** As much of an answer's body as is worth telling, in characters. */
const LONGEST_ANSWER = 300;

export class HttpSender {
  readonly #timeouts: HttpTimeouts;
  readonly #connections: Connections;

  constructor(options: ConnectionOptions = {}, timeouts: HttpTimeouts = TIMEOUTS) {
    this.#timeouts = timeouts;
    this.#connections = new Connections(options, timeouts);
  }

  async send(
    { url, method, headers, body = new Uint8Array() }: HttpRequest,
    signal?: AbortSignal,
  ): Promise<Outcome> {
    const deadline = new Deadline(this.#timeouts.whole, signal);
    const address = new URL(url);
    let bytes = 0;
    try {
      const answer = await exchange(
        { url: address, method, headers, body },
        {
          agent: this.#connections.to(address),
          timeouts: this.#timeouts,
          signal: deadline.signal,
          onSent: (sent) => {
            bytes += sent;
          },
        },
      );
      const outcome = outcomeOf(answer.status, answer.text, answer.headers["retry-after"], bytes);
      // Nothing is under way on them: a sender's requests follow one another.
      if (outcome.kind === "unavailable") this.#connections.end();
      return outcome;
    } catch (error) {
      this.#connections.end();
      return { kind: "unavailable", reason: describeFailure(error), answered: false, bytes };
    } finally {
      deadline.clear();
    }
  }

  async close(): Promise<void> {
    this.#connections.end();
  }
}

/**
 * A signal that is aborted after a time, or with another signal.
 *
 * Not AbortSignal.any: in Node 20 that keeps what it makes for as long as the other signal lives.
 */
class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #other: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(new Error("the agent is ending"));

  constructor(after: Milliseconds, other: AbortSignal | undefined) {
    const expire = () => this.#controller.abort(new Error(`no end after ${after} ms`));
    this.#timer = setTimeout(expire, after);
    this.#other = other;
    if (other?.aborted) this.#abort();
    other?.addEventListener("abort", this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#other?.removeEventListener("abort", this.#abort);
  }
}

/**
 * Of 4xx, those that say nothing of what was sent: it took too long, there is nothing at this address, the proxy
 * wants a password, there were too many. Nor does a redirect, which is somebody else's answer, such as a captive
 * portal's.
 */
const NOT_ABOUT_RECORDS: ReadonlySet<number> = new Set([404, 405, 407, 408, 429]);

/** What an answer means: the table in the design, under Delivery. */
export function outcomeOf(
  status: number,
  body: string,
  retryAfter: string | string[] | undefined,
  bytes: number,
): Outcome {
  if (status >= 200 && status < 300) return { kind: "delivered", bytes };
  const reason = `HTTP ${status}${body === "" ? "" : `: ${shorten(body)}`}`;
  if (status === 401 || status === 403) return { kind: "unauthorized", reason, bytes };
  if (status === 413) return { kind: "too-large", reason, parts: 2, bytes };
  if (status >= 400 && status < 500 && !NOT_ABOUT_RECORDS.has(status))
    return { kind: "refused", reason, bytes };
  const wait = parseRetryAfter(retryAfter);
  const again = wait === undefined ? {} : { retryAfter: wait };
  return { kind: "unavailable", reason, answered: true, bytes, ...again };
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function parseRetryAfter(header: string | string[] | undefined): Milliseconds | undefined {
  if (typeof header !== "string") return undefined;
  const delay = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(delay) && delay > 0 ? milliseconds(delay) : undefined;
}

/** In the words of the error, or of what it stands for: all of a host's addresses that failed, or an abort. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError) return error.errors.map(describeFailure).join(", ");
  if (error.name === "AbortError" && error.cause instanceof Error) return error.cause.message;
  const { cause } = error;
  const text = error.message === "" ? error.name : error.message;
  return cause instanceof Error ? `${text}: ${cause.message}` : text;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_ANSWER ? `${line.slice(0, LONGEST_ANSWER)}…` : line;
}
