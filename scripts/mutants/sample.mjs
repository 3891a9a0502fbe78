/** Random mutants: each place in the core where a small change is possible is equally likely. */
import { readdirSync, readFileSync } from "node:fs";
import { mutationsOf } from "./mutations.mjs";
import { testsReaching } from "./reach.mjs";

const AGENT = ["flush", "aggregation", "wrappers", "dispatch", "lease", "timekeeping", "ingest", "outputs"];

/** Folders in which a fault costs records. */
export const CORE_FOLDERS = [
  "packages/record/src",
  "packages/queue/src",
  "packages/client/src",
  ...AGENT.map((name) => `packages/agent/src/${name}`),
];

/** The tests of `tests/` that survivors of the unit tests run; the integration tests are for `--thorough`. */
const CONFORMANCE = /^tests\/conformance\//;

/** Files of the client that no record passes through. */
const BESIDE_THE_CORE = /\/(testing|runtime-metrics|http-metrics|logs\/(pino|winston|console-patch))\.ts$/;

/** @param count how many @param seed the same seed gives the same mutants of the same tree */
export function sampleMutants(root, count, seed) {
  const random = randomOf(seed);
  const all = CORE_FOLDERS.flatMap((folder) =>
    sources(root, folder).flatMap((file) => mutantsOf(root, folder, file)),
  );
  const chosen = [];
  while (chosen.length < count && all.length > 0) {
    chosen.push(...all.splice(Math.floor(random() * all.length), 1));
  }
  const reaching = testsReaching(root);
  return chosen.map((mutant) => {
    const tests = reaching(mutant.file);
    const near = tests.filter((test) => test.startsWith(`${mutant.folder}/`));
    const others = tests.filter((test) => !near.includes(test));
    const units = others.filter((test) => test.startsWith("packages/"));
    return { ...mutant, tests: near, more: [units, others.filter((test) => CONFORMANCE.test(test))] };
  });
}

function sources(root, folder) {
  return readdirSync(`${root}${folder}`, { recursive: true })
    .map((path) => `${folder}/${path}`)
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !BESIDE_THE_CORE.test(path))
    .sort();
}

function mutantsOf(root, folder, file) {
  return mutationsOf(readFileSync(`${root}${file}`, "utf8")).map((mutation) => ({
    ...mutation,
    file,
    folder,
  }));
}

/** mulberry32 */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
