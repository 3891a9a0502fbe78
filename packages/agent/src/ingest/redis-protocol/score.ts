const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(inity)?$/i;

/**
 * A score as Redis reads it: decimal, with exponent, or `inf`; undefined for anything else, NaN and what is
 * beyond a double's range included. Unlike Redis it takes no hexadecimal floats.
 */
export function parseScore(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const score = Number(text);
    // Adding 0 makes 0 of -0, which is the same score, but would be another place in the store.
    return Number.isFinite(score) ? score + 0 : undefined;
  }
  const infinite = INFINITE.exec(text);
  if (infinite === null) return undefined;
  return infinite[1] === "-" ? -Infinity : Infinity;
}

/** An end of a range of scores. */
export interface Bound {
  readonly score: number;
  readonly isExclusive: boolean;
}

/** As ZRANGEBYSCORE reads it: a score, exclusive after a `(`. */
export function parseBound(text: string): Bound | undefined {
  const isExclusive = text.startsWith("(");
  const score = parseScore(isExclusive ? text.slice(1) : text);
  return score === undefined ? undefined : { score, isExclusive };
}
