/** An application with a steady rate: a timer of a millisecond that makes the calls that are due. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @param {number} rate  calls a second
 * @param {number} seconds
 * @param {(n: number) => void} call
 * @returns {Promise<number>} how many calls were made
 */
export async function callAtPace(rate, seconds, call) {
  const begun = performance.now();
  const all = rate * seconds;
  for (let made = 0; made < all; await sleep(1)) {
    const due = Math.min(all, Math.floor((rate * (performance.now() - begun)) / 1000));
    for (; made < due; made++) call(made);
  }
  return all;
}
