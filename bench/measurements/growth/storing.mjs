/** How the cost of storing a record grows with the broker's backlog, the contexts and the record size. */
import { startSubject } from "../../suite/child.mjs";
import { median } from "../../suite/statistics.mjs";
import { ourLabel } from "../../suite/trees.mjs";
import { BROKERS, KINDS, startBroker } from "../../support/broker.mjs";

const SCRIPT = new URL("../../subjects/storing.mjs", import.meta.url);
const UNIT = "µs a record";
const SAMPLES = 3;
/** Records of a sample, and of the warm-up before the first. */
const RECORDS = 20_000;
const QUICK_RECORDS = 2_000;
/** Fewer if they are large, so that they fit into the memory of a small machine. */
const MAX_BYTES = 40_000_000;
const CONTEXTS = 100;
const RECORD_BYTES = 120;

/**
 * @typedef {object} Shape
 * @property {number} backlog  what waits in the broker before the first sample
 * @property {number} records  of a sample
 * @property {number} contexts
 * @property {number} recordBytes
 */

const DIMENSIONS = [
  {
    title: "Into the broker, by backlog",
    file: "growth-broker-backlog.svg",
    x: "records that wait in the broker",
    steps: [10_000, 100_000, 1_000_000],
    quickSteps: [1_000, 10_000],
    shape: (backlog, usual) => ({ ...usual, backlog, records: Math.min(usual.records, backlog) }),
  },
  {
    title: "Into the broker, by contexts",
    file: "growth-broker-contexts.svg",
    x: "contexts",
    steps: [1, 10, 100, 1_000, 10_000, 100_000],
    quickSteps: [1, 100],
    shape: (contexts, usual) => {
      const records = Math.max(usual.records, contexts);
      return { ...usual, contexts, backlog: records, records };
    },
  },
  {
    title: "Into the broker, by the size of a record",
    file: "growth-broker-size.svg",
    x: "bytes a record",
    steps: [120, 1_000, 10_000],
    quickSteps: [120, 1_000],
    shape: (recordBytes, usual) => {
      const records = Math.min(usual.records, Math.floor(MAX_BYTES / recordBytes));
      return { ...usual, recordBytes, backlog: records, records };
    },
  },
];

const thousands = (number) => number.toLocaleString("en-US");

/** The text for the report. */
export const STORING_GROWTH = `**Into the broker**: as in "Into the broker", with chouette-iot-client: ${SAMPLES} samples of ${thousands(RECORDS)} records (${CONTEXTS} contexts, ${RECORD_BYTES} bytes
each) into a fresh broker, after the same number as a warm-up. By backlog: the backlog is stored first. By contexts: a sample
has at least one record of each context. By size: more tags make the records larger, with at most ${MAX_BYTES / 1e6} MB per sample. The broker
must hold all records at the end.`;

/**
 * @param {import("../../suite/measurement.mjs").Run} run
 * @returns {Promise<import("../../suite/measurement.mjs").Outcome>}
 */
export async function storingGrowth({ quick, trees, folder, say }) {
  const records = quick ? QUICK_RECORDS : RECORDS;
  const usual = { backlog: records, records, contexts: CONTEXTS, recordBytes: RECORD_BYTES };
  const outcomes = [];
  for (const dimension of DIMENSIONS) {
    say(dimension.title);
    const rows = [];
    for (const step of quick ? dimension.quickSteps : dimension.steps) {
      for (const tree of trees) {
        const samples = {};
        for (const kind of KINDS) {
          samples[kind] = await costs(kind, tree, dimension.shape(step, usual), folder);
        }
        rows.push({ step, tree, label: ourLabel(thousands(step), tree, trees), samples });
      }
    }
    outcomes.push(outcomeOf(dimension, rows, trees));
  }
  return { tables: outcomes.map(({ table }) => table), plots: outcomes.map(({ plot }) => plot) };
}

/** @returns microseconds a record, of each sample */
async function costs(kind, tree, { backlog, records, contexts, recordBytes }, folder) {
  const broker = await startBroker(kind, tree, folder);
  const program = startSubject(SCRIPT);
  try {
    const job = { way: "client", root: tree.root, port: broker.port, contexts, recordBytes };
    await program.ask("open", job);
    await program.ask("store", { records: backlog });
    const samples = [];
    for (let sample = 0; sample < SAMPLES; sample++) {
      const { seconds } = await program.ask("store", { records });
      samples.push((seconds * 1e6) / records);
    }
    await broker.mustHold(backlog + SAMPLES * records);
    return samples;
  } finally {
    await program.end();
    await broker.stop();
  }
}

function outcomeOf({ title, file, x }, rows, trees) {
  const kinds = Object.entries(BROKERS);
  const figures = kinds.map(([kind, name]) => ({ key: kind, title: name, unit: UNIT, digits: 2 }));
  const lines = trees.flatMap((tree) =>
    kinds.map(([kind, name]) => ({
      label: ourLabel(name, tree, trees),
      points: rows
        .filter((row) => row.tree === tree)
        .map(({ step, samples }) => [step, median(samples[kind])]),
    })),
  );
  return {
    table: {
      title: `${title}: ${x}`,
      figures,
      rows: rows.map(({ label, samples }) => ({ label, samples })),
    },
    plot: { title, file, x: { title: x, log: true }, y: { title: UNIT, log: true }, lines },
  };
}
