/**
 * An application of the chaos test: it records continuously, and writes to a journal what it recorded and which records
 * were confirmed, so that the reader of the journal knows what should arrive even if this process is killed. Usage:
 * application.mjs PORT NAME JOURNAL SEED. SIGTERM ends it cleanly: it stores everything, and reports that.
 *
 * When a process is killed, its last records may or may not be stored. The witnesses show which: a turn's first and
 * last record each count a distinct bit in a context that belongs to this process alone. A turn's records are in at
 * most two batches, each stored completely or not at all, and the calls of a batch share a promise: a record is stored
 * if the witness with the same promise is.
 *
 * The journal, a JSON text a line: {turn, first, last: [window, bit], calls: [[part, type, metric, zone, value, time]]}
 * with part 0 for the first witness' batch and 1 for the last one's, and {stored: [turn, part]} for a promise of
 * `true`.
 */
import { appendFileSync } from "node:fs";
import { ChouetteClient } from "../../packages/client/dist/index.js";

const [port = "", name = "", journal = "", seed = ""] = process.argv.slice(2);

const TURN_MS = 100;
const RECORDS_A_TURN = 50;
/** In seconds; equal to the agent's window. */
const WINDOW = 2;
/** One window in so many gets late records. */
const WINDOWS_A_LATE_ONE = 6;
/** How late they are: usually more than a busy agent lags behind, so that their windows have been sent. */
const LATE_MS = { from: 5_000, to: 9_000 };
/** Maximum number of bits in one sum that a double holds exactly. */
const MAX_BITS = 52;
const ZONES = ["z0", "z1", "z2"];

const client = new ChouetteClient({
  port: Number(port),
  bufferRecords: 1_000_000,
  bufferBytes: 256 * 2 ** 20,
});
let turn = 0;
let window = 0;
let bits = 0;
let state = Number(seed) >>> 0;

/** An integer from 0 to below this. */
function below(limit) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

function write(entry) {
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

function witness(at) {
  const bit = bits++;
  return {
    at: [window, bit],
    promise: client.count("fire.witness", 2 ** bit, { tags: { name }, timestamp: at }),
  };
}

/** Times are unique to the microsecond, so that no two gauges of a context have the same time. */
function timeOf(now, call) {
  const isLate = (window / WINDOW) % WINDOWS_A_LATE_ONE === 0 && call % 7 === 0;
  const late = isLate ? LATE_MS.from + below(LATE_MS.to - LATE_MS.from) : 0;
  return (now - late) / 1000 + (Number(name.split(".")[0]) * 100 + call) * 1e-6;
}

function record(call, zone, at) {
  const options = { tags: { zone }, timestamp: at };
  switch (call % 5) {
    case 0:
      return ["count", "fire.count", below(100) + 1, (value) => client.count("fire.count", value, options)];
    case 1:
      return ["gauge", "fire.gauge", below(1_000) / 8, (value) => client.gauge("fire.gauge", value, options)];
    case 2:
      return ["set", "fire.set", `e${below(200)}`, (value) => client.set("fire.set", value, options)];
    case 3:
      return [
        "histogram",
        "fire.histogram",
        below(10_000),
        (value) => client.histogram("fire.histogram", value, options),
      ];
    default:
      // Records that the intake refuses: one in each turn, in some of the windows.
      return call === 4 && window % 3 === 0
        ? ["count", "fire.refused", 1 + below(9), (value) => client.count("fire.refused", value, options)]
        : ["count", "fire.count", below(100) + 1, (value) => client.count("fire.count", value, options)];
  }
}

function takeTurn() {
  const now = Date.now();
  const start = Math.floor(now / 1000 / WINDOW) * WINDOW;
  if (start !== window) {
    window = start;
    bits = 0;
  }
  if (bits + 2 > MAX_BITS) return;
  turn += 1;
  const first = witness(now / 1000);
  const calls = [];
  const promises = [];
  for (let call = 0; call < RECORDS_A_TURN; call++) {
    const zone = ZONES[below(ZONES.length)];
    const at = timeOf(now, call);
    const [type, metric, value, send] = record(call, zone, at);
    promises.push(send(value));
    calls.push([type, metric, zone, value, at]);
  }
  const last = witness(now / 1000);
  // Nothing has been sent yet: a process that is killed before this line has stored no record of the turn.
  write({
    turn,
    first: first.at,
    last: last.at,
    calls: calls.map((call, index) => [promises[index] === first.promise ? 0 : 1, ...call]),
  });
  const number = turn;
  void first.promise.then((stored) => stored && write({ stored: [number, 0] }));
  void last.promise.then((stored) => stored && write({ stored: [number, 1] }));
}

const timer = setInterval(takeTurn, TURN_MS);
process.on("SIGTERM", async () => {
  clearInterval(timer);
  const flushed = await client.flush({ timeoutMs: 600_000 });
  const { buffered, dropped } = client.stats();
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, buffered);
  process.stdout.write(flushed && lost === 0 ? "all is stored\n" : `not stored: ${lost}\n`);
  process.exit(0);
});
process.stdout.write("recording\n");
