/**
 * The benchmark suite: compares this project with its peers, on real servers.
 *
 *   npm run bench -- --help
 *
 * Runs the measurements one after the other, and writes the results as JSON, and the report and plots generated from
 * that.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import agent from "./measurements/agent.mjs";
import broker from "./measurements/broker.mjs";
import call from "./measurements/call.mjs";
import dispatch from "./measurements/dispatch.mjs";
import growth from "./measurements/growth.mjs";
import idle from "./measurements/idle.mjs";
import latency from "./measurements/latency.mjs";
import wire from "./measurements/wire.mjs";
import { machine } from "./suite/machine.mjs";
import { readOptions } from "./suite/options.mjs";
import { svg } from "./suite/plot.mjs";
import { markdown, shortText } from "./suite/report.mjs";
import { otherTree, thisTree } from "./suite/trees.mjs";

/** In the order of the report. @type {readonly import("./suite/measurement.mjs").Measurement[]} */
const MEASUREMENTS = [call, broker, agent, dispatch, wire, latency, growth, idle];

const DOCS = fileURLToPath(new URL("../docs", import.meta.url));
const JSON_FILE = "benchmarks.json";
const REPORT_FILE = "BENCHMARKS.md";
const PLOT_FOLDER = "benchmarks";

// So that what is done at the exit is done: servers end, folders go.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const { help, problem, options } = readOptions(process.argv.slice(2), MEASUREMENTS);
if (help !== undefined) {
  process.stdout.write(help);
} else if (problem !== undefined) {
  process.stderr.write(`${problem}\nnpm run bench -- --help says what there is.\n`);
  process.exitCode = 2;
} else if (options?.report) {
  write(JSON.parse(readFileSync(join(DOCS, JSON_FILE), "utf8")), options.out ?? DOCS);
} else if (options !== undefined) {
  await bench(options);
}

async function bench({ quick, only, whole, against, rounds, out }) {
  const folder = mkdtempSync(join(tmpdir(), "chouette-bench-"));
  let other;
  process.once("exit", () => {
    other?.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  try {
    if (against !== undefined) other = otherTree(against, folder);
    const trees = [thisTree(), ...(other ? [other.tree] : [])];
    const measurements = [];
    for (const measurement of MEASUREMENTS.filter(({ id }) => only.includes(id))) {
      measurements.push(await measured(measurement, { quick, rounds, trees, folder }));
    }
    const results = {
      date: new Date().toISOString().slice(0, 10),
      rounds,
      quick,
      trees: trees.map(({ name, revision }) => ({ name, revision })),
      machine: machine(),
      measurements,
    };
    if (!whole) process.stdout.write(`${shortText(results)}\n`);
    write(results, whole ? DOCS : (out ?? mkdtempSync(join(tmpdir(), "chouette-bench-report-"))));
  } catch (error) {
    process.stderr.write(`${inspect(error)}\nNothing was written.\n`);
    // What failed may have left servers that keep the process alive: they end at its exit.
    process.exit(1);
  }
}

async function measured({ id, title, about, run }, { folder, ...settings }) {
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1000;
  const say = (text) => process.stderr.write(`${id}  ${elapsed().toFixed(0).padStart(4)} s  ${text}\n`);
  const own = mkdtempSync(join(folder, `${id}-`));
  try {
    const { tables = [], plots = [] } = await run({ ...settings, folder: own, say });
    return { id, title, about, seconds: Math.round(elapsed()), tables, plots };
  } catch (error) {
    throw new Error(`The measurement "${title}" failed.`, { cause: error });
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function write(results, folder) {
  const plotFolder = join(folder, PLOT_FOLDER);
  mkdirSync(plotFolder, { recursive: true });
  for (const earlier of readdirSync(plotFolder)) {
    if (earlier.endsWith(".svg")) rmSync(join(plotFolder, earlier));
  }
  writeFileSync(join(folder, JSON_FILE), `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(join(folder, REPORT_FILE), markdown(results, PLOT_FOLDER));
  for (const plot of results.measurements.flatMap(({ plots }) => plots)) {
    writeFileSync(join(plotFolder, plot.file), svg(plot));
  }
  process.stderr.write(`Written: ${join(folder, REPORT_FILE)}\n`);
}
