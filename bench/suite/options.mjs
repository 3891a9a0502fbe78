/** The command line of the suite. */
import { parseArgs } from "node:util";

const ROUNDS = 5;

/**
 * @param {readonly string[]} args
 * @param {readonly import("./measurement.mjs").Measurement[]} measurements  those there are
 * @returns {{ help?: string, problem?: string, options?: Options }} one of the three
 *
 * @typedef {object} Options
 * @property {boolean} quick
 * @property {readonly string[]} only  ids, in the order of the suite
 * @property {boolean} whole  nothing is left out: a run for the docs
 * @property {string | undefined} against
 * @property {number} rounds
 * @property {string | undefined} out
 * @property {boolean} report  no measuring: the report is made of the docs' JSON once more
 */
export function readOptions(args, measurements) {
  const given = parse(args);
  if (given instanceof Error) return { problem: given.message };
  if (given.help) return { help: help(measurements) };
  const known = measurements.map(({ id }) => id);
  const named = given.only?.split(",").map((id) => id.trim());
  const unknown = named?.filter((id) => !known.includes(id)) ?? [];
  if (unknown.length > 0) {
    return { problem: `--only: there is no ${unknown.join(", ")}; there are ${known.join(", ")}` };
  }
  const rounds = Number(given.rounds ?? (given.quick ? 1 : ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1) return { problem: "--rounds: a whole number from 1" };
  return {
    options: {
      quick: given.quick,
      only: known.filter((id) => named?.includes(id) ?? true),
      whole: !given.quick && [given.only, given.against, given.out].every((option) => option === undefined),
      against: given.against,
      rounds,
      out: given.out,
      report: given.report,
    },
  };
}

function parse(args) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        against: { type: "string" },
        rounds: { type: "string" },
        out: { type: "string" },
        report: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function help(measurements) {
  const width = Math.max(...measurements.map(({ id }) => id.length));
  const list = measurements.map(({ id, title }) => `  ${id.padEnd(width)}  ${title}`).join("\n");
  return `Measures Chouette and its peers side by side, on real servers.

  npm run bench                       everything; writes docs/BENCHMARKS.md, docs/benchmarks.json and
                                      docs/benchmarks/*.svg. A quiet machine, and a quarter of an hour.
  npm run bench -- --quick            everything in little, in less than 3 minutes: shows that it works, not how fast
  npm run bench -- --only call,wire   some measurements
  npm run bench -- --against main~20  this checkout beside another revision, in alternating rounds
  npm run bench -- --rounds 9         more samples of each (${ROUNDS}; 1 with --quick)
  npm run bench -- --out folder       where the report, the JSON and the plots go. Without it, runs other than the
                                      first kind write to a new temporary folder and leave docs/ alone.
  npm run bench -- --report           measures nothing: makes the report and the plots of docs/benchmarks.json again

Measurements:
${list}

Exit code 1 where a measurement's work did not arrive whole at its far end, 2 where the command line is wrong.
`;
}
