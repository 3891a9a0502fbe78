/**
 * What arrives, whatever socket it came by: a packet's lines, each on its way, and the last one that couldn't be read.
 *
 * Promises: a line that can't be read costs that line alone.
 */
import type { StatsdCounters } from "./counters.js";
import { ScannedLine } from "./scanned-line.js";

/** Takes a line and answers why it was refused; undefined if it was taken. */
export type TakeLine = (line: string) => string | undefined;

/** @param now milliseconds since the epoch */
export type TakeMetric = (line: ScannedLine, now: number) => string | undefined;

export interface LineTakers {
  readonly metric: TakeMetric;
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
  readonly #line = new ScannedLine();
  #lastInvalid: InvalidLine | undefined;

  constructor(counters: StatsdCounters, takers: LineTakers) {
    this.#counters = counters;
    this.#takers = takers;
  }

  get lastInvalid(): InvalidLine | undefined {
    return this.#lastInvalid;
  }

  /** @param length how much of the buffer is the packet */
  receive(packet: Buffer, length = packet.length): void {
    this.#counters.packets++;
    this.#counters.bytes += length;
    // The lines of a packet came at one time.
    const now = Date.now();
    const line = this.#line;
    for (let start = 0; start < length; start = line.next) {
      line.scan(packet, start, length);
      if (line.end === start) continue;
      const reason =
        packet[start] === UNDERSCORE ? this.#takeOther(line, now) : this.#takers.metric(line, now);
      if (reason !== undefined) this.#lastInvalid = { line: line.text().slice(0, MAX_SHOWN), reason };
    }
  }

  #takeOther(line: ScannedLine, now: number): string | undefined {
    const text = line.text();
    if (text.startsWith("_e{")) return this.#takers.event(text);
    if (text.startsWith("_sc|")) return this.#takers.serviceCheck(text);
    return this.#takers.metric(line, now);
  }
}
