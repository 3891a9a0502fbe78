/** Rounds to a number of decimals. Digits beyond the source's precision would be sent over the link in vain. */
export function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}
