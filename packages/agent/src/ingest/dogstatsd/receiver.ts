/**
 * What arrives, whatever socket it came by: a packet's lines, each on its way, and the last one that couldn't be read.
 *
 * Promises: a line that can't be read costs that line alone.
 */
import type { StatsdCounters } from "./counters.js";

/** Takes a line and answers why it was refused; undefined if it was taken. */
export type TakeLine = (line: string) => string | undefined;

export interface LineTakers {
  readonly metric: TakeLine;
  readonly event: TakeLine;
  readonly serviceCheck: TakeLine;
}

export interface InvalidLine {
  /** Cut off after {@link MAX_SHOWN} characters; may hold control characters. */
  readonly line: string;
  readonly reason: string;
}

const UNDERSCORE = 95;
const MAX_SHOWN = 200;

export class Receiver {
  readonly #counters: StatsdCounters;
  readonly #takers: LineTakers;
  #lastInvalid: InvalidLine | undefined;

  constructor(counters: StatsdCounters, takers: LineTakers) {
    this.#counters = counters;
    this.#takers = takers;
  }

  get lastInvalid(): InvalidLine | undefined {
    return this.#lastInvalid;
  }

  receive(packet: Buffer): void {
    this.#counters.packets++;
    this.#counters.bytes += packet.length;
    const text = packet.toString();
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf("\n", start);
      const end = newline === -1 ? text.length : newline;
      const line = text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
      if (line !== "") this.#take(line);
      start = end + 1;
    }
  }

  #take(line: string): void {
    const reason = this.#takerOf(line)(line);
    if (reason !== undefined) this.#lastInvalid = { line: line.slice(0, MAX_SHOWN), reason };
  }
  #takerOf(line: string): TakeLine {
    if (line.charCodeAt(0) === UNDERSCORE) {
      if (line.startsWith("_e{")) return this.#takers.event;
      if (line.startsWith("_sc|")) return this.#takers.serviceCheck;
    }
    return this.#takers.metric;
  }
}
