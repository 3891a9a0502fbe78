/** A body goes out in parts of this size, so that one that was cut off counts by what went out of it. */
const PART_BYTES = 16 * 1024;

/** @param onSent called with each part's bytes, as it is taken */
export function* partsOf(body: Uint8Array, onSent: (bytes: number) => void): Generator<Uint8Array> {
  for (let start = 0; start < body.length; start += PART_BYTES) {
    const part = body.subarray(start, start + PART_BYTES);
    onSent(part.length);
    yield part;
  }
}
