/**
 * An application under fire: it records without a pause and writes down, in its journal, what it recorded and what it
 * was promised, so that whoever reads the journal knows what should arrive, even if this process is killed.
 * Usage: application.mjs PORT NAME JOURNAL SEED. SIGTERM ends it in order: everything is stored, then it says so.
 *
 * What a killed process had under way is stored or not, and nobody can tell it. The witnesses do: a turn's first and
 * last record count a bit of their own in this process' own context. The records of a turn lie in at most two batches,
 * which are stored whole or not at all, and calls of one batch share one promise: each record is stored if the witness
 * is whose promise it shares.
 *
 * The journal, a JSON text a line: {turn, first, last: [window, bit], calls: [[part, type, metric, zone, value, time]]}
 * with the part 0 for the first witness's and 1 for the last one's, and {stored: [turn, part]} for a promise of `true`.
 */
import { appendFileSync } from "node:fs";
import { ChouetteClient } from "../../packages/client/dist/index.js";

const [port = "", name = "", journal = "", seed = ""] = process.argv.slice(2);

const TURN_MS = 100;
const RECORDS_A_TURN = 50;
/** In seconds; the agent's window is as long. */
const WINDOW = 2;
/** Of so many windows, one brings late records. */
const WINDOWS_A_LATE_ONE = 6;
/** How late they are: mostly later than an agent is behind that is short of time, so that their windows were sent. */
const LATE_MS = { from: 5_000, to: 9_000 };
/** More bits than this in one sum, and a double would lose some. */
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

/** Between 0, included, and this, not included. */
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

/** Times are told apart to the microsecond, so that no two gauges of a context have the same. */
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
      // What the intake refuses: one in each turn, for some of the windows.
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
  // Nothing was sent yet: a process that is killed before this line has stored nothing of the turn.
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
