import fc from "fast-check";
import { expect, it } from "vitest";
import { plainNumber, plainNumberEnd } from "./plain-number.js";

function read(text: string): number | undefined {
  const end = plainNumberEnd(text, 0);
  return end === text.length ? plainNumber(text, 0, end) : undefined;
}

const digits = fc.stringMatching(/^[0-9]{1,25}$/);

it("reads the double that JSON.parse reads, or leaves the text to it", () => {
  const numbers = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
    fc.integer().map(String),
    fc
      .tuple(fc.constantFrom("", "-"), digits, digits)
      .map(([sign, whole, part]) => `${sign}${whole}.${part}`),
    fc.tuple(fc.constantFrom("", "-"), digits).map(([sign, whole]) => `${sign}${whole}`),
  );
  fc.assert(
    fc.property(numbers, (text) => {
      const number = read(text);
      if (number !== undefined) expect(number).toBe(JSON.parse(text));
      else expect(text).toMatch(/e|^-?0\d/);
    }),
    { numRuns: 5_000 },
  );
});

it.each([
  "",
  "-",
  "+1",
  ".5",
  "1.",
  "01",
  "-01.5",
  "1e5",
  "1E5",
  "1.5e-7",
  "NaN",
  "Infinity",
  "1.5.5",
  "0x10",
])("leaves %j to the parser", (text) => expect(read(text)).toBeUndefined());

it("ends where the number ends", () => {
  expect(plainNumberEnd("[12.50,3]", 1)).toBe(6);
  expect(plainNumber("[12.50,3]", 1, 6)).toBe(12.5);
});
