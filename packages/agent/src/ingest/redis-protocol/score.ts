/** Parses scores and ends of ranges of scores. */

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(inity)?$/i;

/**
 * Parses a score as Redis does: decimal, with or without an exponent, or `inf`. Undefined for anything else, including NaN and
 * numbers beyond a double's range. Unlike Redis, it accepts no hexadecimal floats.
 */
export function parseScore(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const score = Number(text);
    // + 0 turns -0 into 0: it is the same score, but would be another position in the store.
    return Number.isFinite(score) ? score + 0 : undefined;
  }
  const infinite = INFINITE.exec(text);
  if (infinite === null) return undefined;
  return infinite[1] === "-" ? -Infinity : Infinity;
}

/** One end of a range of scores. */
export interface Bound {
  readonly score: number;
  readonly isExclusive: boolean;
}

/** As in ZRANGEBYSCORE: a score, exclusive after a `(`. */
export function parseBound(text: string): Bound | undefined {
  const isExclusive = text.startsWith("(");
  const score = parseScore(isExclusive ? text.slice(1) : text);
  return score === undefined ? undefined : { score, isExclusive };
}
