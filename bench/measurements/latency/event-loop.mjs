/**
 * How long an application's event loop is blocked while it calls a client, compared with the same application without
 * one.
 */
import { startSubject } from "../../suite/child.mjs";
import { alternate } from "../../suite/rounds.mjs";
import { contenders } from "../call/contenders.mjs";
import { shareArrived, startFarEnds } from "../call/far-ends.mjs";

export const EVENT_LOOP_CONTEXTS = 100;
const RATE = 1_000;
/** An aggregating client sends for the first time when its first second is over. */
const WHOLE = { beginningSeconds: 2, seconds: 4 };
const QUICK = { beginningSeconds: 1.5, seconds: 1 };
const MIN_DATAGRAM_SHARE = 0.99;
const WITHOUT = "without a client";
/** The contenders of "a call in the application" to use, by the ends of their labels. */
const COMPARED = /a record a call|its default|hot-shots, (buffered|aggregated)$|prom-client$/;

/** @returns {Promise<import("../../suite/measurement.mjs").Table>} */
export async function eventLoop({ rounds, quick, trees, folder, say }) {
  const farEnds = await startFarEnds(folder);
  const clients = contenders(trees).filter(({ label }) => COMPARED.test(label));
  /** @type {readonly (Partial<import("../call/contenders.mjs").Contender> & { label: string })[]} */
  const subjects = [{ label: WITHOUT }, ...clients];
  const times = quick ? QUICK : WHOLE;
  const sample = (subject) => sampled(subject, farEnds.of[subject.farEnd], times);
  try {
    const samples = await alternate({ rounds, warmUp: false, subjects, sample, say });
    return {
      title: "The longest that the event loop was held",
      figures: [
        { key: "longest", title: "after the beginning", unit: "ms", digits: 1, better: "less" },
        { key: "beginning", title: "in the beginning", unit: "ms", digits: 1, better: "less" },
        { key: "cpu", title: "CPU of the process", unit: "µs a call", digits: 1, better: "less" },
      ],
      baseline: clients[0].label,
      rows: subjects.map((subject) => ({
        label: subject.label,
        ...(subject.version === undefined ? {} : { version: subject.version }),
        samples: samples.get(subject) ?? {},
      })),
    };
  } finally {
    await farEnds.stop();
  }
}

async function sampled({ label, client, settings, root, mayLose }, farEnd, times) {
  const application = startSubject(new URL("../../subjects/holding.mjs", import.meta.url));
  const contexts = EVENT_LOOP_CONTEXTS;
  const job = client && { client, settings, kind: "increment", contexts, root, port: farEnd.port };
  try {
    await farEnd?.clear();
    const delivers = client === "prom-client";
    const { calls, ...held } = await application.ask("run", { job, rate: RATE, ...times, delivers });
    if (farEnd === undefined) return held;
    const arrived = await farEnd.arrived(application);
    const share = shareArrived(arrived, { kind: "increment", contexts, calls, called: calls });
    if (mayLose ? share < MIN_DATAGRAM_SHARE || share > 1 : share !== 1) {
      throw new Error(`${label}: of ${calls} increments ${share * calls} arrived`);
    }
    return held;
  } finally {
    await application.end();
  }
}
