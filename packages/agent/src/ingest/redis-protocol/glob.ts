/** Patterns of KEYS and SCAN: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before a literal character. */

type Part = "*" | ((character: string) => boolean);

const PARTS = /\\[\s\S]|\[\^?(?:\\[\s\S]|[^\]\\])*\]|[\s\S]/g;
const RANGES = /(\\[\s\S]|[^\\])(?:-(\\[\s\S]|[^\\]))?/g;

/** Returns a check by Redis' rules. Its number of steps is at most the product of both lengths. */
export function globMatcher(pattern: string): (text: string) => boolean {
  const parts = (pattern.match(PARTS) ?? []).map(partOf);
  return (text) => matches(parts, text);
}

function matches(parts: readonly Part[], text: string): boolean {
  let at = 0;
  let part = 0;
  /** The last star, and the end of the text that it matches so far: if the rest doesn't match, it takes more. */
  let star = -1;
  let reach = 0;
  while (at < text.length) {
    const current = parts[part];
    if (current === "*") {
      star = part++;
      reach = at;
    } else if (current?.(text.charAt(at))) {
      part++;
      at++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++reach;
    } else {
      return false;
    }
  }
  return parts.slice(part).every((rest) => rest === "*");
}

function partOf(source: string): Part {
  if (source === "*") return "*";
  if (source === "?") return () => true;
  if (source.length === 1) return (character) => character === source;
  if (source.startsWith("\\")) return (character) => character === source.slice(1);
  const isNegated = source[1] === "^";
  const ranges = [...source.slice(isNegated ? 2 : 1, -1).matchAll(RANGES)].map(
    ([, first = "", last = first]): [string, string] => [first.slice(-1), last.slice(-1)],
  );
  return (character) => ranges.some(([first, last]) => first <= character && character <= last) !== isNegated;
}
