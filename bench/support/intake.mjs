/**
 * A stand-in for Datadog that checks requests like the agent's own, but keeps sums instead of points: a million points
 * would take half a gigabyte.
 */
import { startIntake } from "../../packages/agent/dist/intake/intake.js";

const UNAVAILABLE = 503;

/**
 * @typedef {object} SummingIntake
 * @property {string} url
 * @property {() => number} counted  the sum of the counts whose names begin with `my.`
 * @property {() => void} open
 * @property {() => void} check  throws if a request was refused
 * @property {() => Promise<void>} close
 *
 * @param {{ isOpen?: boolean }} [options]  closed, it is unavailable until it is opened
 * @returns {Promise<SummingIntake>}
 */
export async function startSummingIntake({ isOpen = true } = {}) {
  /** Like Datadog, keeps the last of several values of a series and second. */
  const values = new Map();
  const refusals = [];
  const intake = await startIntake({
    keepPoints: 0,
    rules: () => (isOpen ? undefined : { status: UNAVAILABLE }),
    onRequest: ({ status, reason, submission }) => {
      if (status === UNAVAILABLE) return;
      if (status !== 202) refusals.push(`${status} ${reason}`);
      for (const { metric, type, tags, points } of submission.series) {
        if (type !== "count" || !metric.startsWith("my.")) continue;
        for (const [at, value] of points) values.set(`${at} ${metric} ${tags}`, value);
      }
    },
  });
  return {
    url: intake.url,
    open: () => {
      isOpen = true;
    },
    counted: () => [...values.values()].reduce((sum, value) => sum + value, 0),
    check: () => {
      if (refusals.length > 0) throw new Error(`the intake refused ${refusals.length}: ${refusals[0]}`);
    },
    close: () => intake.close(),
  };
}
