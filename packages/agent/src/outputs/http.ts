/**
 * Requests to an intake.
 *
 * Promises: every request ends, by an answer, a failure or a time-out, and none throws. Requests to a host follow one another on
 * one connection, as long as nobody waits for too long. It is kept alive between requests, after an answer that asks for
 * patience (5xx, 408, 429), too. It is thrown away after a failure, after an answer that refuses the key and after one that
 * may not be the intake's: a link that was down leaves dead ones behind. One that turns out closed is no failure: the
 * request is made once more on a new one. Every byte of a body that went out is counted, whatever became of it. No outcome
 * contains the key, or the user and password of the URL, if an answer repeats them.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { redact, urlSecrets } from "../runtime/redact.js";
import { outcomeOf } from "./answer.js";
import { type ConnectionOptions, Connections } from "./connections.js";
import { exchange } from "./exchange.js";
import type { Outcome } from "./output.js";
import type { ExchangeTimeouts } from "./request-answer.js";
import { Turns } from "./turns.js";
import { type Purpose, WireMeter } from "./wire-meter.js";

export interface HttpRequest {
  readonly url: string;
  /** Its bytes on the wire are counted under it. */
  readonly purpose: Purpose;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface HttpTimeouts extends ExchangeTimeouts {
  /** For the request as a whole, on a link that lets through a trickle. */
  readonly whole: Milliseconds;
  /** How long a connection without a request is kept. */
  readonly keepAlive: Milliseconds;
  /** How long a request waits at most for others to the same host. */
  readonly turn: Milliseconds;
  /** How long a body that is on its way waits for its answer once the sending is given up. */
  readonly farewell: Milliseconds;
}

/** A request as a whole ends within this time. */
export const MAX_REQUEST = milliseconds(600_000);

const TIMEOUTS: HttpTimeouts = {
  connect: milliseconds(10_000),
  answer: milliseconds(30_000),
  whole: MAX_REQUEST,
  keepAlive: milliseconds(90_000),
  turn: milliseconds(30_000),
  farewell: milliseconds(5_000),
};
/** Headers whose values are secret. */
const SECRET_HEADERS = ["DD-API-KEY"];

export class HttpSender {
  readonly #timeouts: HttpTimeouts;
  readonly #connections: Connections;
  readonly #turns: Turns;
  readonly #meter: WireMeter;

  constructor(options: ConnectionOptions = {}, timeouts: HttpTimeouts = TIMEOUTS, meter = new WireMeter()) {
    this.#timeouts = timeouts;
    this.#meter = meter;
    this.#connections = new Connections(options, timeouts, meter);
    this.#turns = new Turns(timeouts.turn);
  }

  send(request: HttpRequest, signal?: AbortSignal): Promise<Outcome> {
    const url = new URL(request.url);
    return this.#turns.take(url.origin, () => this.#send(request, url, signal), signal);
  }

  async #send(request: HttpRequest, url: URL, signal?: AbortSignal): Promise<Outcome> {
    const { method, headers, body = new Uint8Array() } = request;
    const connections = this.#connections.to(url);
    const withoutSecrets = (text: string) => redact(text, secretsOf(request, url));
    const deadline = new Deadline(this.#timeouts, signal);
    let bytes = 0;
    const onSent = (sent: number) => {
      bytes += sent;
      deadline.isSending = true;
    };
    this.#meter.begin(url.hostname, request.purpose);
    try {
      const options = { timeouts: this.#timeouts, signal: deadline.signal, onSent };
      const answer = await exchange({ url, method, headers, body }, connections, options);
      const outcome = outcomeOf({ ...answer, text: withoutSecrets(answer.text) }, bytes);
      if (!maySendMore(outcome)) connections.end();
      return outcome;
    } catch (error) {
      return {
        ...{ kind: "unavailable", answered: false, bytes },
        reason: withoutSecrets(describeFailure(error)),
      };
    } finally {
      deadline.clear();
    }
  }

  async close(): Promise<void> {
    this.#connections.close();
  }
}

/** Whether an answer is the intake's, which can be asked again on the same connection. */
function maySendMore({ kind, status = 0 }: Outcome): boolean {
  if (kind === "unauthorized") return false;
  return kind !== "unavailable" || status >= 500 || status === 408 || status === 429;
}

function secretsOf({ headers }: HttpRequest, url: URL): readonly string[] {
  return [...SECRET_HEADERS.map((name) => headers[name] ?? ""), ...urlSecrets(url)];
}

/**
 * A signal that is aborted after a time, or with another signal: right away while nothing has been sent, else after
 * the time that an answer may need. A body whose answer isn't waited for would be sent twice.
 *
 * Not AbortSignal.any: in Node 20 that keeps what it makes for as long as the other signal lives.
 */
class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #farewell: Milliseconds;
  readonly #other: AbortSignal | undefined;
  #farewellTimer: NodeJS.Timeout | undefined;
  /** Whether something of the request has been sent. */
  isSending = false;
  readonly #giveUp = () => {
    const abort = () => this.#controller.abort(new Error("the agent is ending"));
    if (this.isSending) this.#farewellTimer = setTimeout(abort, this.#farewell);
    else abort();
  };

  constructor({ whole, farewell }: Pick<HttpTimeouts, "whole" | "farewell">, other: AbortSignal | undefined) {
    const expire = () => this.#controller.abort(new Error(`no end after ${whole} ms`));
    this.#timer = setTimeout(expire, whole);
    this.#farewell = farewell;
    this.#other = other;
    if (other?.aborted) this.#giveUp();
    other?.addEventListener("abort", this.#giveUp);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#farewellTimer);
    this.#other?.removeEventListener("abort", this.#giveUp);
  }
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
