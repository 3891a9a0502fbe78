/** On the wire: bytes per point and per log. */
import { ourLabel, seriesVersions } from "../suite/trees.mjs";
import { LOG_WAYS, METRIC_WAYS } from "../support/wire-ways.mjs";
import { sparseCounters } from "../workloads/counters.mjs";
import { hostAfterOutage, hostOfADay } from "../workloads/host.mjs";
import { serviceLogs } from "../workloads/logs.mjs";
import { noise, plant } from "../workloads/sensors.mjs";
import { byAgent, byWay, checkLogs, checkPoints, sent } from "./wire/sent.mjs";

const SEED = 1;
const SIX_DIGITS = 6;
/** Maximum relative change of a value by METRIC_PRECISION=6. */
const HALF_OF_THE_LAST_DIGIT = 5e-7;
const OURS = "the agent";
const PRECISE = `the agent, METRIC_PRECISION=${SIX_DIGITS}`;
const BY_V2 = "the agent, DATADOG_SERIES=v2";
/** Target bytes per point of the noisy series, without loss and with six digits. */
const TARGETS = { [OURS]: 7.8, [PRECISE]: 4.5 };

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "wire",
  title: "On the wire",
  about: `Bytes of the requests' bodies, without headers and TLS, for workloads that are the same on every machine (seed ${SEED}; the generators
are in \`bench/workloads\`). Each release is encoded separately, as it is sent: nothing is remembered between requests.

The agent's rows go through its own dispatcher and outputs, with its batches and splitting, over HTTP. For each body it sends the smallest
of its formats and encodings. The other encodings get the same releases, in batches of the same size: JSON from \`JSON.stringify\`,
protobuf from protobufjs, with fields by number and series in order of arrival. Deflate and zstd use the levels given, otherwise zstd uses the
agent's own (19 up to 64 KiB, 17 up to 512 KiB, 9 beyond). Every body of every row goes to a stand-in for Datadog, which parses it. Each
point must arrive with its value (with six digits: within half of the last digit), and each log must arrive, or the run fails. It also fails if
the agent takes more than ${TARGETS[OURS]} bytes a point for the noisy series, or more than ${TARGETS[PRECISE]} with six digits.

The lower bound is the information in the values: the sum of -log2 of the probability of each draw of the generator. Each draw can be
reconstructed from the values, so no encoding that doesn't know the seed takes less on average. Known data (names, tags, the times of
regular points, the words of a log line) isn't included, though each request has to repeat it. So the lower bound is out of reach, and
farther away for small releases.

Not measured: metrics sent as DogStatsD text through a local Datadog Agent (hot-shots), since none was available.`,
  run: async ({ quick, trees, say }) => {
    const metrics = [
      noise(SEED),
      plant(SEED),
      hostOfADay(SEED, quick ? 1 : 24),
      hostAfterOutage(SEED, quick ? 1 : 24),
      sparseCounters(SEED, quick ? 1 : 6),
    ];
    const tables = [];
    for (const workload of metrics) {
      say(workload.title);
      tables.push(await metricTable(workload, trees));
    }
    const logs = serviceLogs(SEED, quick ? 10 : 60);
    say(logs.title);
    tables.push(await logTable(logs, trees));
    for (const label of Object.keys(TARGETS)) checkTarget(tables[0], label, ourLabel(label, trees[0], trees));
    return { tables };
  },
};

async function metricTable(workload, trees) {
  const { title, releases, bits, roundedBits } = workload;
  const points = releases.reduce((sum, { records }) => sum + records.length, 0);
  const hasGauges = releases.some(({ records }) => records.some(({ type }) => type === "gauge"));
  const check = checkPoints(releases, 0);
  const checkRounded = checkPoints(releases, HALF_OF_THE_LAST_DIGIT);
  const rows = [];
  const add = async (label, send, checked) =>
    rows.push(rowOf(label, points, await sent(releases, send, checked)));
  for (const tree of trees) {
    const [seriesVersion, older] = seriesVersions(tree);
    const newest = { seriesVersion };
    await add(ourLabel(OURS, tree, trees), byAgent(tree, "metrics", newest), check);
    if (older !== undefined) await add(ourLabel(BY_V2, tree, trees), byAgent(tree, "metrics"), check);
    if (hasGauges) {
      const precise = { ...newest, precision: SIX_DIGITS };
      await add(ourLabel(PRECISE, tree, trees), byAgent(tree, "metrics", precise), checkRounded);
    }
  }
  for (const way of METRIC_WAYS) await add(way.label, byWay(way), check);
  rows.push(floorOf("the values' information: the floor", points, bits));
  if (roundedBits !== undefined) rows.push(floorOf("the same with six digits", points, roundedBits));
  return tableOf(`${title}: ${points.toLocaleString("en-US")} points`, "point", rows, trees);
}

async function logTable({ title, releases, bits }, trees) {
  const logs = releases.reduce((sum, { records }) => sum + records.length, 0);
  const check = checkLogs(logs);
  const rows = [];
  const add = async (label, send) => rows.push(rowOf(label, logs, await sent(releases, send, check)));
  for (const tree of trees) await add(ourLabel(OURS, tree, trees), byAgent(tree, "logs"));
  for (const way of LOG_WAYS) await add(way.label, byWay(way));
  rows.push(floorOf("what changes from line to line: the floor", logs, bits));
  return tableOf(`${title}: ${logs.toLocaleString("en-US")} logs`, "log", rows, trees);
}

function tableOf(title, one, rows, trees) {
  const figures = [
    { key: "each", title: `bytes a ${one}`, unit: "", digits: 2, better: "less" },
    { key: "bytes", title: "in all", unit: "bytes" },
    { key: "requests", title: "requests", unit: "" },
  ];
  return { title, figures, baseline: ourLabel(OURS, trees[0], trees), rows };
}

function rowOf(label, records, { bytes, requests }) {
  return { label, samples: { each: [bytes / records], bytes: [bytes], requests: [requests] } };
}

function floorOf(label, records, bits) {
  return { label, samples: { each: [bits / 8 / records], bytes: [Math.ceil(bits / 8)] } };
}

function checkTarget({ rows }, label, rowLabel) {
  const [each] = rows.find((row) => row.label === rowLabel).samples.each;
  if (each <= TARGETS[label]) return;
  throw new Error(
    `${label}: ${each.toFixed(2)} bytes a point of noise, where ${TARGETS[label]} are the most`,
  );
}
