/**
 * Requests to an intake, and what its answers mean.
 *
 * Promises: every request ends, by an answer, a failure or a time-out, and none throws. Connections are kept
 * alive between requests and thrown away after a failure, since a link that was down leaves dead ones behind.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { Agent, request } from "undici";
import type { Outcome } from "./output.js";

export interface HttpRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const CONNECT_TIMEOUT = milliseconds(10_000);
/** From the last byte sent to the first of the answer, and between two parts of it. */
const ANSWER_TIMEOUT = milliseconds(30_000);
/** For the request as a whole, on a link that lets through a trickle. */
const WHOLE_TIMEOUT = milliseconds(120_000);
const KEEP_ALIVE = milliseconds(90_000);
/** As much of an answer's body as is worth telling, in characters. */
const LONGEST_ANSWER = 300;

export class HttpSender {
  #connections = newConnections();

  /** The outcome of the request; where it is taken, the bytes are the body's. */
  async send({ url, method, headers, body }: HttpRequest, signal?: AbortSignal): Promise<Outcome> {
    const deadline = new Deadline(WHOLE_TIMEOUT, signal);
    try {
      const answer = await request(url, {
        method,
        headers,
        body: body ?? null,
        dispatcher: this.#connections,
        signal: deadline.signal,
      });
      const text = await answer.body.text();
      const outcome = outcomeOf(answer.statusCode, text, answer.headers["retry-after"], body?.length ?? 0);
      if (outcome.kind === "unavailable") this.#renewConnections();
      return outcome;
    } catch (error) {
      this.#renewConnections();
      return { kind: "unavailable", reason: describeFailure(error), answered: false };
    } finally {
      deadline.clear();
    }
  }

  async close(): Promise<void> {
    await this.#connections.destroy();
  }

  #renewConnections(): void {
    // Their ends are of no interest: nothing is under way on them any more.
    this.#connections.destroy().catch(() => {});
    this.#connections = newConnections();
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

function newConnections(): Agent {
  return new Agent({
    connect: { timeout: CONNECT_TIMEOUT },
    headersTimeout: ANSWER_TIMEOUT,
    bodyTimeout: ANSWER_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE,
    connections: 2,
  });
}

/** What an answer means: the table in the design, under Delivery. */
export function outcomeOf(
  status: number,
  body: string,
  retryAfter: string | string[] | undefined,
  bytes: number,
): Outcome {
  if (status >= 200 && status < 300) return { kind: "delivered", bytes };
  const reason = `HTTP ${status}${body === "" ? "" : `: ${shorten(body)}`}`;
  if (status === 401 || status === 403) return { kind: "unauthorized", reason };
  if (status === 413) return { kind: "too-large", reason };
  // A redirect is somebody else's answer, such as a captive portal's.
  const passing = status < 400 || status === 408 || status === 429 || status >= 500;
  if (!passing) return { kind: "refused", reason };
  const wait = parseRetryAfter(retryAfter);
  return { kind: "unavailable", reason, answered: true, ...(wait === undefined ? {} : { retryAfter: wait }) };
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function parseRetryAfter(header: string | string[] | undefined): Milliseconds | undefined {
  if (typeof header !== "string") return undefined;
  const delay = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(delay) && delay > 0 ? milliseconds(delay) : undefined;
}

/** In the words of the error and of what caused it: undici tells the address that refused only there. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const text = error.message === "" ? error.name : error.message;
  return cause instanceof Error ? `${text}: ${cause.message}` : text;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_ANSWER ? `${line.slice(0, LONGEST_ANSWER)}…` : line;
}
