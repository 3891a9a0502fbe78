/**
 * Random JSON as text, valid or not: every type, numbers at their limits, depth, size, duplicate keys and `__proto__`.
 * Text rather than values, since no value has duplicate keys, `1e400` or `NaN`.
 */
import { pick, type Random } from "../support/random.js";

const NUMBERS = [
  "0",
  "-0",
  "1",
  "1.5",
  "-1",
  "1e308",
  "1e309",
  "-1e400",
  "5e-324",
  "9007199254740993",
  "-9223372036854775809",
  "NaN",
  "Infinity",
  "-Infinity",
  "1E2",
  "01",
  "0x10",
  "1e",
  "--1",
  "1_000",
] as const;
const STRINGS = [
  '""',
  '"a"',
  '"a:b"',
  '"Env:PROD"',
  '"1"',
  '"1e400"',
  '"NaN"',
  '"__proto__"',
  '"constructor"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\u2028"',
  '"\u2029"',
  '"é"',
  '"😀"',
  '"\\n\\t"',
  '"\\x"',
  "'a'",
  '"',
  '"\u0007"',
  '"\\u001b]52;c;YQ=="',
] as const;
const KEYS = [
  "a",
  "b",
  "__proto__",
  "constructor",
  "toString",
  "",
  "a:b",
  "Zone",
  "\\u0000",
  "length",
] as const;
const DEPTHS = [5, 40, 600, 5_000, 50_000] as const;
const MAX_ITEMS = 4;
const MAX_DEPTH = 4;

export type Grammar = (random: Random) => string;

export function oneOf<T>(random: Random, choices: readonly T[]): T {
  const choice = choices[Math.floor(random() * choices.length)];
  if (choice === undefined) throw new Error("there is nothing to choose from");
  return choice;
}

export function times<T>(random: Random, max: number, make: () => T): readonly T[] {
  return Array.from({ length: Math.floor(random() * (max + 1)) }, make);
}

/** Any value. */
export function anyJson(random: Random, depth = 0): string {
  const nested = depth < MAX_DEPTH ? 10 : 0;
  return pick<() => string>(random, [
    [20, () => oneOf(random, NUMBERS)],
    [20, () => oneOf(random, STRINGS)],
    [10, () => oneOf(random, ["true", "false", "null", "undefined", "True", "None"])],
    [nested, () => `[${times(random, MAX_ITEMS, () => anyJson(random, depth + 1)).join()}]`],
    [nested, () => anyObject(random, depth)],
    [1, () => deep(random)],
    [1, () => large(random)],
  ])();
}

export function anyObject(random: Random, depth = 0): string {
  const entries = times(random, MAX_ITEMS, () => `"${oneOf(random, KEYS)}":${anyJson(random, depth + 1)}`);
  return `{${entries.join()}}`;
}

function deep(random: Random): string {
  const depth = oneOf(random, DEPTHS);
  return random() < 0.5
    ? `${"[".repeat(depth)}${"]".repeat(depth)}`
    : `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

function large(random: Random): string {
  const length = Math.floor(10 ** (1 + random() * 4));
  return pick<() => string>(random, [
    [4, () => `"${"x".repeat(length)}"`],
    [2, () => `"${"é😀".repeat(length / 4)}"`],
    [2, () => `[${"1,".repeat(length / 2)}1]`],
    [1, () => `{${Array.from({ length: length / 10 }, (_, index) => `"k${index}":${index}`).join()}}`],
  ])();
}

/**
 * An object whose fields are mostly valid; otherwise they have any value, are missing, or occur twice. It may have
 * further fields, and sometimes it is another value altogether.
 */
export function objectOf(random: Random, fields: Readonly<Record<string, Grammar>>): string {
  if (random() < 0.03) return anyJson(random);
  const entries = Object.entries(fields).flatMap(([name, right]) =>
    pick<() => readonly string[]>(random, [
      [80, () => [`"${name}":${right(random)}`]],
      [12, () => [`"${name}":${anyJson(random)}`]],
      [4, () => []],
      [4, () => [`"${name}":${anyJson(random)}`, `"${name}":${right(random)}`]],
    ])(),
  );
  if (random() < 0.1) entries.push(`"${oneOf(random, KEYS)}":${anyJson(random)}`);
  return `{${entries.join()}}`;
}

/** The text's bytes, sometimes broken: truncated, with a flipped bit, or with bytes that aren't UTF-8. */
export function bytesOf(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text);
  const at = Math.floor(random() * bytes.length);
  return pick<() => Buffer>(random, [
    [90, () => bytes],
    [3, () => bytes.subarray(0, at)],
    [4, () => flipBit(random, bytes)],
    [3, () => Buffer.concat([bytes.subarray(0, at), Buffer.of(0xff, 0xc0, 0x80), bytes.subarray(at)])],
  ])();
}

export function flipBit(random: Random, bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const at = Math.floor(random() * flipped.length);
  const byte = flipped[at];
  if (byte !== undefined) flipped[at] = byte ^ (1 << Math.floor(random() * 8));
  return flipped;
}
