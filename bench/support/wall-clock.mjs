/** The time in milliseconds since the epoch with its fractions, so that two processes can compare. */
export function wallClock() {
  return performance.timeOrigin + performance.now();
}
