/** Encodes sets of numbers: sorted, as runs of consecutive numbers, each as a gap and a length. */
import type { ByteReader, ByteWriter } from "./bytes.js";

/** Writes a set, in any order. Consecutive numbers take as much space as a single one. */
export function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  const sorted = isAscending(numbers) ? numbers : [...new Set(numbers)].sort((a, b) => a - b);
  const runs: number[] = [];
  let start = 0;
  for (let index = 1; index <= sorted.length; index++) {
    if (index < sorted.length && sorted[index] === (sorted[index - 1] ?? 0) + 1) continue;
    runs.push(sorted[start] ?? 0, index - start);
    start = index;
  }
  writer.varint(runs.length / 2);
  let before = 0;
  for (let index = 0; index < runs.length; index += 2) {
    const first = runs[index] ?? 0;
    const count = runs[index + 1] ?? 0;
    writer.varint(first - before);
    writer.varint(count);
    before = first + count;
  }
}

/** Reads a set. Calls `take` with each run of consecutive numbers. */
export function readNumbers(reader: ByteReader, take: (first: number, count: number) => void): void {
  let before = 0;
  for (let runs = reader.varint(); runs > 0; runs--) {
    const first = before + reader.varint();
    const count = reader.varint();
    take(first, count);
    before = first + count;
  }
}

function isAscending(numbers: readonly number[]): boolean {
  for (let index = 1; index < numbers.length; index++) {
    if ((numbers[index] ?? 0) <= (numbers[index - 1] ?? 0)) return false;
  }
  return true;
}
