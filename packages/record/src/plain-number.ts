/**
 * JSON numbers without an exponent, read in place: the agent's hot path.
 */

const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const EXPONENTS: ReadonlySet<number> = new Set([69, 101]);
/** Powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** Where the number ends that begins here; -1 if there is none, or one with an exponent. */
export function plainNumberEnd(text: string, from: number): number {
  const first = text.charCodeAt(from) === MINUS ? from + 1 : from;
  let end = digitsEnd(text, first);
  // JSON has no numbers without a digit before the point, and none that begin with a zero more than they need.
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
    // Written so that NaN, which stands for the text's end, ends it too.
    if (!(code >= ZERO && code <= NINE)) return end;
    end += 1;
  }
}

/** The number that stands between these places, the same double that JSON.parse makes of it. */
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
  // Both are exact up to here, so that the one rounding of the division gives the nearest double.
  if (digits > Number.MAX_SAFE_INTEGER || power === undefined) return Number(text.slice(from, end));
  const number = decimals === 0 ? digits : digits / power;
  return isNegative ? -number : number;
}
