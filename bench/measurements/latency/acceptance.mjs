/** The time from a call to the intake's acceptance, in total and by parts. */
import { startIntake } from "../../../packages/agent/dist/intake/intake.js";
import { startSubject } from "../../suite/child.mjs";
import { alternate } from "../../suite/rounds.mjs";
import { percentile } from "../../suite/statistics.mjs";
import { ourLabel } from "../../suite/trees.mjs";
import { startAgentOn } from "../../support/agent-on-broker.mjs";
import { until } from "../../support/until.mjs";
import { wallClock } from "../../support/wall-clock.mjs";

export const ACCEPTANCE_RATE = 1_000;
const METRIC = "my.latency";
const SECONDS = 10;
const QUICK_SECONDS = 2;
const WINDOW_MS = 1_000;

const SETUPS = [
  { title: "Redis, a record a call", broker: "redis", options: { aggregate: false }, grace: 0 },
  {
    title: "The embedded broker, a record a call",
    broker: "embedded",
    options: { aggregate: false },
    grace: 0,
  },
  { title: "Redis, aggregated in the client (its default)", broker: "redis", options: {}, grace: 1 },
];

/** The rows of the table. */
const SPANS = {
  whole: "from the call to the acceptance",
  stored: "of that, until the broker has answered",
  window: "of that, until the window is closed: by the settings",
  after: "of that, from there to the acceptance",
};

const FIGURES = [
  { key: "p50", title: "p50", unit: "ms" },
  { key: "p90", title: "p90", unit: "ms" },
  { key: "p99", title: "p99", unit: "ms" },
  { key: "max", title: "max", unit: "ms" },
];

/** @returns {Promise<import("../../suite/measurement.mjs").Table[]>} */
export async function acceptance({ rounds, quick, trees, folder, say }) {
  const seconds = quick ? QUICK_SECONDS : SECONDS;
  const subjects = SETUPS.flatMap((setup) => trees.map((tree) => ({ setup, tree })));
  const sample = ({ setup, tree }) => sampled(setup, tree, folder, seconds);
  const samples = await alternate({ rounds, warmUp: false, subjects, sample, say });
  return SETUPS.map((setup) => ({
    title: setup.title,
    figures: FIGURES,
    rows: subjects
      .filter((subject) => subject.setup === setup)
      .flatMap((subject) => rowsOf(samples.get(subject), (label) => ourLabel(label, subject.tree, trees))),
  }));
}

function rowsOf(samples, labelled) {
  return Object.entries(SPANS).map(([span, label]) => ({
    label: labelled(label),
    samples: Object.fromEntries(FIGURES.map(({ key }) => [key, samples[`${span}.${key}`]])),
  }));
}

async function sampled({ broker, options, grace }, tree, folder, seconds) {
  const accepted = new Map();
  const intake = await startIntake({
    keepPoints: 0,
    onRequest: ({ submission }) => {
      const at = wallClock();
      for (const { points } of submission.series.filter(({ metric }) => metric === METRIC)) {
        for (const [, value] of points) if (!accepted.has(value)) accepted.set(value, at);
      }
    },
  });
  const { port, stop } = await startAgentOn(broker, tree, folder, {
    DATADOG_URL: `${intake.url}/api`,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: `${grace}`,
    RELEASE_INTERVAL: "1",
  });
  const application = startSubject(new URL("../../subjects/sending.mjs", import.meta.url));
  try {
    const question = { root: tree.root, port, options, rate: ACCEPTANCE_RATE, seconds };
    const { called, stored } = await application.ask("send", question);
    await until("every call at the intake", () => accepted.size === called.length);
    if (stored.includes(0)) throw new Error("the client says that a record was not stored");
    return spansOf(called, stored, accepted, grace);
  } finally {
    await application.end();
    await stop();
    await intake.close();
  }
}

function spansOf(called, stored, accepted, grace) {
  /** @type {Record<"whole" | "stored" | "window" | "after", number[]>} */
  const spans = { whole: [], stored: [], window: [], after: [] };
  called.forEach((at, n) => {
    const closed = (Math.floor(at / WINDOW_MS) + 1 + grace) * WINDOW_MS;
    const acceptedAt = accepted.get(n);
    spans.whole.push(acceptedAt - at);
    spans.stored.push(stored[n] - at);
    spans.window.push(closed - at);
    spans.after.push(acceptedAt - closed);
  });
  const figures = Object.entries(spans).flatMap(([span, values]) => [
    [`${span}.p50`, percentile(values, 0.5)],
    [`${span}.p90`, percentile(values, 0.9)],
    [`${span}.p99`, percentile(values, 0.99)],
    [`${span}.max`, percentile(values, 1)],
  ]);
  return Object.fromEntries(figures);
}
