import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addWireCounts, formatWireCounts, parseWireCounts, sumOfWire, wireUses } from "./wire-counts.js";

const key = fc.tuple(fc.domain(), fc.constantFrom("metrics", "logs")).map((parts) => parts.join(" "));
const counts = fc
  .array(fc.tuple(key, fc.record({ sent: fc.nat(), received: fc.nat() })))
  .map((entries) => new Map(entries));

describe("bytes on the wire", () => {
  it("are the same after they are stored and read", () => {
    fc.assert(
      fc.property(counts, (some) => {
        expect(parseWireCounts(formatWireCounts(some))).toEqual(some);
      }),
    );
  });

  it("are added by destination and purpose, and none is lost", () => {
    fc.assert(
      fc.property(counts, counts, (some, more) => {
        const total = new Map(some);
        addWireCounts(total, more);
        expect(sumOfWire(total.values())).toBe(sumOfWire(some.values()) + sumOfWire(more.values()));
        for (const [name, { sent, received }] of total) {
          const parts = [some.get(name), more.get(name)];
          expect(sent).toBe(parts.reduce((sum, part) => sum + (part?.sent ?? 0), 0));
          expect(received).toBe(parts.reduce((sum, part) => sum + (part?.received ?? 0), 0));
        }
      }),
    );
  });

  it.each([
    [undefined, []],
    ["", []],
    ["null", []],
    ["7", []],
    ['{"a logs":', []],
    ['{"a logs":7,"b logs":[],"c logs":["x"],"d logs":[5],"e logs":[5,6,7]}', [0, 0, 0, 0, 0, 0, 5, 0, 5, 6]],
  ])("that can't be read count as none: %s", (text, expected) => {
    const numbers = [...parseWireCounts(text).values()].flatMap(({ sent, received }) => [sent, received]);
    expect(numbers).toEqual(expected);
  });

  it("are shown by destination and purpose", () => {
    expect(wireUses(new Map([["api.datadoghq.com metrics", { sent: 5, received: 6 }]]))).toEqual([
      { destination: "api.datadoghq.com", purpose: "metrics", sent: 5, received: 6 },
    ]);
  });
});
