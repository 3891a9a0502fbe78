/** A number as short as its source is precise: each digit beyond would be sent over the link for nothing. */
export function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}
