/** What goes out and comes in by an exchange with a server, whatever its protocol. */
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
  /** The answer's body, or its beginning. */
  readonly text: string;
}

export interface ExchangeTimeouts {
  readonly connect: Milliseconds;
  /** In which no byte of the request is acknowledged and none of the answer comes in. */
  readonly answer: Milliseconds;
}

export interface ExchangeOptions {
  readonly timeouts: ExchangeTimeouts;
  readonly signal: AbortSignal;
  /** Called with each part's bytes. */
  onSent(bytes: number): void;
}
