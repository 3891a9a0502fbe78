/**
 * When the gauges that a window has emitted were measured, so that a late record doesn't send an older value after a newer one.
 *
 * Small enough to be kept for many windows: 8 bytes per gauge, 48 bits of its key's hash and 16 of its place in the window.
 * Two of 1,000 gauges share a hash once in 560 million windows; then a late value of one may be dropped because of the other.
 */
import type { Seconds } from "@chouette-iot/record";
import type { WindowSpan } from "./window.js";

const ENTRY_BYTES = 8;
const HASH_BYTES = 6;
const PLACES = 65_535;

export class GaugeTimes {
  readonly #window: WindowSpan;
  readonly #places: Map<number, number>;

  /** @param text from {@link toText}; undefined if the window has emitted no gauge */
  constructor(window: WindowSpan, text: string | undefined) {
    this.#window = window;
    this.#places = new Map();
    this.join(text ?? "");
  }

  /** Adds the times of another text of this window. */
  join(text: string): void {
    const bytes = Buffer.from(text, "base64");
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const hash = bytes.readUIntBE(at, HASH_BYTES);
      this.#places.set(hash, Math.max(bytes.readUInt16BE(at + HASH_BYTES), this.#places.get(hash) ?? 0));
    }
  }

  /** Whether a later value of this gauge was emitted. */
  hasNewer(key: string, time: Seconds): boolean {
    const place = this.#places.get(hash48(key));
    return place !== undefined && place > this.#placeOf(time);
  }

  /** @param time when the emitted value was measured */
  add(key: string, time: Seconds): void {
    const hash = hash48(key);
    this.#places.set(hash, Math.max(this.#placeOf(time), this.#places.get(hash) ?? 0));
  }

  /** Undefined if no gauge was added. */
  toText(): string | undefined {
    if (this.#places.size === 0) return undefined;
    const bytes = Buffer.allocUnsafe(this.#places.size * ENTRY_BYTES);
    let at = 0;
    for (const [hash, place] of this.#places) {
      bytes.writeUIntBE(hash, at, HASH_BYTES);
      bytes.writeUInt16BE(place, at + HASH_BYTES);
      at += ENTRY_BYTES;
    }
    return bytes.toString("base64");
  }

  #placeOf(time: Seconds): number {
    const { start, interval } = this.#window;
    const place = Math.floor(((time - start) / interval) * PLACES);
    return Math.min(PLACES, Math.max(0, place));
  }
}

/** 24 bits each of two FNV-1a hashes with different seeds. */
function hash48(text: string): number {
  let [low, high] = [0x811c9dc5, 0x9747b28c];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x5bd1e995);
  }
  low ^= low >>> 15;
  high ^= high >>> 13;
  return (high >>> 8) * 0x1000000 + (low >>> 8);
}
