/**
 * Splits packets of all sockets into lines, and passes each on. Remembers the last invalid line.
 *
 * Promises: an invalid line costs only itself.
 */
import type { StatsdCounters } from "./counters.js";
import { ScannedLine } from "./scanned-line.js";

/** Returns why the line was refused; undefined if it was accepted. */
type TakeLine = (line: string) => string | undefined;

/** Likewise. @param now Unix time in milliseconds */
export type TakeMetric = (line: ScannedLine, now: number) => string | undefined;

export interface LineTakers {
  readonly metric: TakeMetric;
  readonly event: TakeLine;
  readonly serviceCheck: TakeLine;
}

interface InvalidLine {
  /** Cut after {@link MAX_SHOWN} characters; may contain control characters. */
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

  /** @param length of the packet in the buffer */
  receive(packet: Buffer, length = packet.length): void {
    this.#counters.packets++;
    this.#counters.bytes += length;
    // All lines of a packet have the same time.
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
