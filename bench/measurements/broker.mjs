/** Storing in the broker: unaggregated records per second. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { startSubject } from "../suite/child.mjs";
import { versionOf } from "../suite/machine.mjs";
import { alternate } from "../suite/rounds.mjs";
import { ourLabel } from "../suite/trees.mjs";
import { BROKERS, KINDS, startBroker } from "../support/broker.mjs";
import { redisBenchmark } from "../support/redis-benchmark.mjs";

const SCRIPT = new URL("../subjects/storing.mjs", import.meta.url);
const RECORD_BYTES = 120;
const CONTEXTS = 100;
/** Some of redis-benchmark's random ids are duplicates. */
const UNLIKE_IDS = { part: 0.999 };

const about = `
Samples of a histogram, which can't be aggregated, with two tags, ${CONTEXTS} contexts, ${RECORD_BYTES} bytes of JSON each. A separate process
stores them in a fresh broker: a redis-server without persistence, or the agent's embedded broker, which writes to its disk before
it replies. Time is measured from the first record until all are stored. The rows:

- **chouette-iot-client**, as an application calls it. It builds each record's text and id, and sets a marker in each batch, so
  that a batch whose reply was lost isn't stored twice.
- **bare loop**: the same driver and commands (variadic ZADD and HSET in MULTI, 500 records per batch, 4 batches in
  flight), with records built in advance: the upper limit for Node.
- **redis-benchmark**: Redis' own tool, in C, with the same batches, 4 requests in flight. It can't send a MULTI, so it
  sends all ZADDs and then all HSETs, and the time is the sum of both. Its ids are random, so the server has to search for
  each one's place, while a client's ids come in order. It isn't used with the embedded broker: random ids never meet their
  values, and an agent turns such orphans into dead letters.
- **the store alone**, with the embedded broker: the program itself appends the same batches of prepared records, without
  network or protocol: the upper limit of the disk and the store.

CPU time is that of the storing program and of the broker. After each sample, the broker must hold every id and every
value (99.9 % of redis-benchmark's random ones, since some are drawn twice).
`;

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "broker",
  title: "Into the broker",
  about,
  run: async (run) => {
    const tables = [];
    for (const kind of KINDS) tables.push(await table(kind, run));
    return { tables };
  },
};

async function table(kind, { quick, rounds, trees, folder, say }) {
  const work = quick ? { warmUp: 2_000, records: 10_000 } : { warmUp: 50_000, records: 200_000 };
  const contenders = contendersFor(kind, trees, folder);
  const samples = await alternate({
    rounds,
    subjects: contenders,
    sample: ({ sample }) => sample(work),
    say: (text) => say(`${BROKERS[kind]}, ${text}`),
  });
  return {
    title: `Into ${BROKERS[kind]}`,
    baseline: contenders[0].label,
    figures: [
      { key: "rate", title: "stored", unit: "records/s", better: "more" },
      { key: "cpu", title: "CPU of the program", unit: "µs a record", digits: 2, better: "less" },
      { key: "brokerCpu", title: "CPU of the broker", unit: "µs a record", digits: 2, better: "less" },
    ],
    rows: contenders.map((contender) => ({
      label: contender.label,
      version: contender.version,
      samples: samples.get(contender),
    })),
  };
}

function contendersFor(kind, trees, folder) {
  const [{ root }] = trees;
  const intoBroker = (store, tree = trees[0]) => withBroker(kind, tree, folder, store);
  return [
    ...trees.map((tree) => ({
      label: ourLabel("chouette-iot-client", tree, trees),
      sample: intoBroker(bySubject({ way: "client", root: tree.root }), tree),
    })),
    {
      label: "bare loop",
      version: `of @redis/client ${versionOf("@redis/client")}`,
      sample: intoBroker(bySubject({ way: "bare loop" })),
    },
    kind === "redis"
      ? { label: "redis-benchmark", sample: intoBroker(byRedisBenchmark) }
      : { label: "the store alone", sample: (work) => intoStore({ root, folder }, work) },
  ];
}

/** Each sample uses a fresh broker. */
function withBroker(kind, tree, folder, store) {
  return async (work) => {
    const broker = await startBroker(kind, tree, folder);
    try {
      return await store(broker, work);
    } finally {
      await broker.stop();
    }
  };
}

function bySubject(job) {
  return async (broker, work) => {
    let before = 0;
    const onWarm = () => {
      before = broker.cpuSeconds();
    };
    const { seconds, cpuSeconds } = await storeBy({ ...job, port: broker.port }, work, onWarm);
    const brokerCpu = broker.cpuSeconds() - before;
    await broker.mustHold(work.warmUp + work.records);
    return figures(work.records, { seconds, cpuSeconds, brokerCpu });
  };
}

async function intoStore({ root, folder }, work) {
  const directory = await mkdtemp(join(folder, "store-"));
  try {
    return figures(work.records, await storeBy({ way: "store", root, directory }, work));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function storeBy(job, { warmUp, records }, onWarm = () => {}) {
  const subject = startSubject(SCRIPT);
  try {
    await subject.ask("open", { ...job, contexts: CONTEXTS, recordBytes: RECORD_BYTES });
    await subject.ask("store", { records: warmUp });
    onWarm();
    return await subject.ask("store", { records });
  } finally {
    await subject.end();
  }
}

async function byRedisBenchmark(broker, work) {
  const warmUp = await redisBenchmark(broker.port, { records: work.warmUp, recordBytes: RECORD_BYTES });
  const before = broker.cpuSeconds();
  const { seconds, records } = await redisBenchmark(broker.port, {
    records: work.records,
    recordBytes: RECORD_BYTES,
  });
  const brokerCpu = broker.cpuSeconds() - before;
  await broker.mustHold(warmUp.records + records, UNLIKE_IDS);
  return figures(records, { seconds, brokerCpu });
}

/**
 * @param {number} records
 * @param {{ seconds: number, cpuSeconds?: number, brokerCpu?: number }} times  undefined if it wasn't measured
 */
function figures(records, { seconds, cpuSeconds, brokerCpu }) {
  const each = (time) => (time * 1e6) / records;
  return {
    rate: records / seconds,
    ...(cpuSeconds !== undefined && { cpu: each(cpuSeconds) }),
    ...(brokerCpu !== undefined && { brokerCpu: each(brokerCpu) }),
  };
}
