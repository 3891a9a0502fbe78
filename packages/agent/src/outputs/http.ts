/**
 * Requests to an intake.
 *
 * Promises: every request ends with an answer, a failure or a timeout, and never throws. Requests to a host follow one another
 * on one connection, unless that would take too long. It is kept alive between requests, also after 5xx, 408 and 429. It is
 * closed after a failure, after an answer that refuses the key, and after one that may not be the intake's: an outage of the
 * link leaves dead connections. If it turns out to be closed, the request is repeated on a new one, which isn't a failure.
 * Every sent byte of a body is counted, whatever the outcome. No outcome contains the key, or the user and password of the
 * URL, even if an answer repeats them.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { redact, urlSecrets } from "../runtime/redact.js";
import { basicCredentials, loginOf } from "../runtime/url-login.js";
import { outcomeOf } from "./answer.js";
import { type ConnectionOptions, Connections } from "./connections.js";
import { exchange } from "./exchange.js";
import { type Outcome, unavailable } from "./output.js";
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
  /** For the whole request, on a link that is nearly down. */
  readonly whole: Milliseconds;
  /** For which an idle connection is kept. */
  readonly keepAlive: Milliseconds;
  /** For which a request waits for earlier ones to the same host. */
  readonly turn: Milliseconds;
  /** For which a request with a sent body still waits for its answer after it was aborted. */
  readonly farewell: Milliseconds;
}

/** Time limit of a request. */
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
    const { method, body = new Uint8Array() } = request;
    const target = { url: withoutLogin(url), headers: { ...request.headers, ...authorization(url) } };
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
      const answer = await exchange({ ...target, method, body }, connections, options);
      const outcome = outcomeOf({ ...answer, text: withoutSecrets(answer.text) }, bytes);
      if (!maySendMore(outcome)) connections.end();
      return outcome;
    } catch (error) {
      return unavailable(withoutSecrets(describeFailure(error)), { answered: false, bytes });
    } finally {
      deadline.clear();
    }
  }

  async close(): Promise<void> {
    this.#connections.close();
  }
}

/** Not by Node, which adds it only to HTTP/1.1, and throws if a percent sign in a password isn't escaped. */
function authorization(url: URL): Readonly<Record<string, string>> {
  const login = loginOf(url);
  return login === undefined ? {} : { Authorization: `Basic ${basicCredentials(login)}` };
}

function withoutLogin(url: URL): URL {
  return Object.assign(new URL(url), { username: "", password: "" });
}

/** Whether the answer is the intake's: then its connection can be used again. */
function maySendMore({ kind, status = 0 }: Outcome): boolean {
  if (kind === "unauthorized") return false;
  return kind !== "unavailable" || status >= 500 || status === 408 || status === 429;
}

function secretsOf({ headers }: HttpRequest, url: URL): readonly string[] {
  return [...SECRET_HEADERS.map((name) => headers[name] ?? ""), ...urlSecrets(url)];
}

/**
 * A signal that is aborted after a time, or with another signal: immediately if nothing has been sent, else after some time
 * for the answer. Without it, the body would be sent twice.
 *
 * Not AbortSignal.any, which in Node 20 keeps the new signal in memory as long as the other one.
 */
class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #farewell: Milliseconds;
  readonly #other: AbortSignal | undefined;
  #farewellTimer: NodeJS.Timeout | undefined;
  /** Whether a part of the request has been sent. */
  isSending = false;
  readonly #giveUp = () => {
    const abort = () => this.#controller.abort(new Error("the agent is stopping"));
    if (this.isSending) this.#farewellTimer = setTimeout(abort, this.#farewell);
    else abort();
  };

  constructor({ whole, farewell }: Pick<HttpTimeouts, "whole" | "farewell">, other: AbortSignal | undefined) {
    const expire = () => this.#controller.abort(new Error(`timed out after ${whole} ms`));
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

/** The error's message, or those of its causes: the errors of all addresses of a host, or the reason of an abort. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError) return error.errors.map(describeFailure).join(", ");
  if (error.name === "AbortError" && error.cause instanceof Error) return error.cause.message;
  const { cause } = error;
  const text = error.message === "" ? error.name : error.message;
  return cause instanceof Error ? `${text}: ${cause.message}` : text;
}
