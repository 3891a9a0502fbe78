import fc from "fast-check";
import { expect, test } from "vitest";
import { metricNumber } from "./metric-line.js";
import { ScannedLine } from "./scanned-line.js";
import { SeriesCache } from "./series-cache.js";

function scan(text: string): ScannedLine {
  const line = new ScannedLine();
  const bytes = Buffer.from(text);
  line.scan(bytes, 0, bytes.length);
  return line;
}

test("a value read from bytes is what its text says, to the last bit", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 18 });
  const decimal = fc
    .tuple(fc.constantFrom("", "+", "-"), digits, fc.constantFrom("", ".", ".."), digits)
    .map((parts) => parts.join(""));
  const value = fc.oneof(decimal, fc.double().map(String), fc.string().filter(isValue));
  fc.assert(
    fc.property(value.filter(Boolean), (text) => {
      expect(scan(`a:${text}|c`).number()).toBe(metricNumber(text) ?? Number.NaN);
    }),
    { numRuns: 2_000 },
  );
});

test("lines of a packet are found, whatever is between them", () => {
  const line = new ScannedLine();
  const packet = Buffer.from("a:1|c\r\n\n\r\nbad\nb:2|g|#x:y\n[c:1|g\nold:1|c");
  const found: string[] = [];
  const limit = packet.length - "old:1|c".length;
  for (let start = 0; start < limit; start = line.next) {
    line.scan(packet, start, limit);
    found.push(line.hasParts ? `${line.name()}=${line.values()}${line.fields()}` : line.text());
  }
  expect(found).toEqual(["a=1|c", "", "", "bad", "b=2|g|#x:y", "[c=1|g"]);
  // What is behind the packet in its buffer is an older one.
  line.scan(Buffer.from("bad and old\n"), 0, 3);
  expect([line.text(), line.next]).toEqual(["bad", 4]);
});

test("the cache answers as a map by name and fields would, whatever the hashes are", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", "é", "\0"), minLength: 1, maxLength: 4 });
  const fields = fc.string({ unit: fc.constantFrom("c", "|", "#", "é"), maxLength: 4 });
  const given = fc.record({ name, fields, value: fc.nat(99), hash: fc.option(fc.nat(3)) });
  fc.assert(
    fc.property(fc.array(given, { maxLength: 60 }), (lines) => {
      const cache = new SeriesCache<number>();
      const model = new Map<string, number>();
      for (const [number, { name, fields, value, hash }] of lines.entries()) {
        const line = scan(`${name}:${value}|${fields}`);
        // Of one hash, only some entries are kept: the others are not found.
        if (hash !== null) line.hash = hash;
        const key = JSON.stringify([name, fields, hash]);
        const found = cache.find(line);
        if (found === undefined) expect(cache.add(line, number)).toBe(true);
        else expect(found).toBe(model.get(key));
        if (found === undefined) model.set(key, number);
      }
    }),
  );
});

test("the cache keeps thousands of lines, and refuses more than it has room for", () => {
  const cache = new SeriesCache<number>();
  const lineOf = (number: number) => scan(`metric.${number}:1|c|#host:h${number},${"t".repeat(200)}`);
  let count = 0;
  while (cache.add(lineOf(count), count)) count++;
  expect(count).toBeGreaterThan(10_000);
  // The bytes of the keys are limited as well.
  expect(count).toBeLessThan(40_000);
  const found = Array.from({ length: count }, (_, number) => cache.find(lineOf(number)));
  expect(found.every((value, number) => value === number || value === undefined)).toBe(true);
  expect(found.filter((value) => value === undefined).length).toBeLessThan(count / 1_000);
});

function isValue(text: string): boolean {
  return !/[|\n]/.test(text);
}
