/** How the agent's work grows with the backlog, the contexts and the record size. */
import { ourLabel } from "../../suite/trees.mjs";
import { fillBacklog, removeBacklog } from "../../support/backlog.mjs";
import { drainByAgent } from "../../support/drain.mjs";

const BROKERS = { redis: "Redis", embedded: "embedded broker" };
const MICROSECONDS = 1e6;

const DIMENSIONS = [
  {
    title: "Through the agent, by backlog",
    file: "growth-agent-backlog.svg",
    x: "raw records, of 100 contexts",
    y: "seconds",
    steps: [1_000, 10_000, 100_000, 1_000_000],
    quickSteps: [1_000, 10_000],
    shape: (records) => ({ records, contexts: 100 }),
    cost: ({ working }) => working,
    cell: { unit: "s", digits: 2 },
  },
  {
    title: "Through the agent, by contexts",
    file: "growth-agent-contexts.svg",
    x: "contexts",
    y: "microseconds a record",
    steps: [10, 100, 1_000, 10_000, 100_000],
    quickSteps: [10, 100],
    shape: (contexts, quick) => ({ records: quick ? 5_000 : 100_000, contexts }),
    cost: ({ working }, { records }) => (working * MICROSECONDS) / records,
    cell: { unit: "µs a record", digits: 1 },
  },
  {
    title: "Through the agent, by the size of a record",
    file: "growth-agent-size.svg",
    x: "bytes a record, of 100 contexts",
    y: "microseconds a record",
    steps: [100, 1_000, 10_000],
    quickSteps: [100, 1_000],
    shape: (recordBytes, quick) => ({ records: quick ? 2_000 : 40_000, contexts: 100, recordBytes }),
    cost: ({ working }, { records }) => (working * MICROSECONDS) / records,
    cell: { unit: "µs a record", digits: 1 },
  },
];

/** The text for the report. */
export const AGENT_GROWTH = `**Through the agent**: as in "Through the agent", once each, from the agent's start message until the raw queue is empty. By backlog: with 100
contexts. By contexts: with 100,000 records, 20,000 per window, so from 20,000 contexts on there is nothing to aggregate. By size: more tags
make the records larger, with 40,000 records of 100 contexts. Every count is checked at the intake.`;

/** @returns {Promise<import("../../suite/measurement.mjs").Outcome>} */
export async function agentGrowth({ quick, trees, folder, say }) {
  const outcomes = [];
  for (const dimension of DIMENSIONS) {
    say(dimension.title);
    outcomes.push(outcomeOf(dimension, await measured(dimension, { quick, trees, folder })));
  }
  return { tables: outcomes.map(({ table }) => table), plots: outcomes.map(({ plot }) => plot) };
}

async function measured({ steps, quickSteps, shape, cost }, { quick, trees, folder }) {
  const lines = trees.map((tree) => ({ label: (text) => ourLabel(text, tree, trees), tree, steps: [] }));
  for (const step of quick ? quickSteps : steps) {
    for (const line of lines) line.steps.push({ step, cost: {}, peak: {} });
    const drain = async (kind) => {
      const asked = shape(step, quick);
      const backlog = await fillBacklog(kind, asked, trees[0], folder);
      for (const { tree, steps: done } of lines) {
        const drained = await drainByAgent(backlog, tree, folder);
        done.at(-1).cost[kind] = cost(drained, asked);
        done.at(-1).peak[kind] = drained.peak;
      }
      await removeBacklog(backlog);
    };
    const [first, second] = Object.keys(BROKERS);
    // Together they slow each other down, which doesn't matter here.
    if (quick) {
      await Promise.all([drain(first), drain(second)]);
    } else {
      await drain(first);
      await drain(second);
    }
  }
  return lines;
}

function outcomeOf({ title, file, x, y, cell }, lines) {
  const kinds = Object.entries(BROKERS);
  const figures = kinds.flatMap(([kind, name]) => [
    { key: `${kind}.cost`, title: name, ...cell },
    { key: `${kind}.peak`, title: `${name}, peak of memory`, unit: "MB" },
  ]);
  const rows = lines.flatMap(({ label, steps }) =>
    steps.map(({ step, cost, peak }) => ({
      label: label(step.toLocaleString("en-US")),
      samples: Object.fromEntries(
        kinds.flatMap(([kind]) => [
          [`${kind}.cost`, [cost[kind]]],
          [`${kind}.peak`, [peak[kind]]],
        ]),
      ),
    })),
  );
  const drawn = lines.flatMap(({ label, steps }) =>
    kinds.map(([kind, name]) => ({
      label: label(name),
      points: steps.map(({ step, cost }) => [step, cost[kind]]),
    })),
  );
  const plot = { title, file, x: { title: x, log: true }, y: { title: y, log: true }, lines: drawn };
  return { table: { title: `${title}: ${x}`, figures, rows }, plot };
}
