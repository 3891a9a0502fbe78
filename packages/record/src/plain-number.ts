/**
 * Parses JSON numbers without an exponent in place, without a substring: the agent's hot path.
 */

const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const EXPONENTS: ReadonlySet<number> = new Set([69, 101]);
/** Powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** The end of the number that starts here; -1 if there is none, or it has an exponent. */
export function plainNumberEnd(text: string, from: number): number {
  const first = text.charCodeAt(from) === MINUS ? from + 1 : from;
  let end = digitsEnd(text, first);
  // JSON requires a digit before the point, and allows no leading zeros.
  if (end === first || (text.charCodeAt(first) === ZERO && end > first + 1)) return -1;
  if (text.charCodeAt(end) === POINT) {
    const decimals = end + 1;
    end = digitsEnd(text, decimals);
    if (end === decimals) return -1;
  }
  return EXPONENTS.has(text.charCodeAt(end)) ? -1 : end;
}

function digitsEnd(text: string, from: number): number {
  let end = from;
  for (;;) {
    const code = text.charCodeAt(end);
    // Negated, so that NaN at the end of the text ends it too.
    if (!(code >= ZERO && code <= NINE)) return end;
    end += 1;
  }
}

/** The number between these offsets: the same double that JSON.parse returns. */
export function plainNumber(text: string, from: number, end: number): number {
  const isNegative = text.charCodeAt(from) === MINUS;
  let digits = 0;
  let decimals = 0;
  for (let at = isNegative ? from + 1 : from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === POINT) decimals = end - at - 1;
    else digits = digits * 10 + (code - ZERO);
  }
  const power = POWERS_OF_TEN[decimals];
  // Up to here both are exact, so the division rounds once, to the nearest double.
  if (digits > Number.MAX_SAFE_INTEGER || power === undefined) return Number(text.slice(from, end));
  const number = decimals === 0 ? digits : digits / power;
  return isNegative ? -number : number;
}
