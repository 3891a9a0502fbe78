/**
 * `npm run mutants`: breaks one line at a time, in a copy of the tree, and reports the breaks that no test notices.
 *
 * Without options: those of `scripts/mutants/list/*.json`, each with the tests that must fail. Exits with 1 if one
 * survives, or if its text doesn't occur exactly once. `--list NAME` runs one of the lists, `--only TEXT` those whose
 * file name contains the text, and `--check` only checks that the texts occur.
 *
 * `--sample N --seed N`: N breaks at random in the core folders, each with the unit and conformance tests that reach its
 * file. Prints the share that is noticed, by folder, and the survivors, to be examined one by one. `--thorough` also runs
 * the integration tests on survivors.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { copyOfTree } from "./mutants/copy.mjs";
import { CORE_FOLDERS, sampleMutants } from "./mutants/sample.mjs";

/** One test that runs on the sources, and one that starts what was built. */
const CONTROL = ["packages/record/src/datadog-names.test.ts", "tests/integration/client-bounds.test.ts"];

const root = fileURLToPath(new URL("..", import.meta.url));
const lists = `${root}scripts/mutants/list`;

const { values } = parseArgs({
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
    list: { type: "string", default: "" },
    only: { type: "string", default: "" },
    check: { type: "boolean", default: false },
    lanes: { type: "string", default: "2" },
    thorough: { type: "boolean", default: false },
  },
});

const mutants =
  values.sample === undefined ? listed() : sampleMutants(root, Number(values.sample), Number(values.seed));
const chosen = mutants.filter(({ file }) => file.includes(values.only));
if (values.sample !== undefined) console.log(`seed ${values.seed}`);
const results = await tryAll(chosen, Number(values.lanes));
report(results);

/** In the order of their files. */
function listed() {
  return readdirSync(lists)
    .filter((name) => name.endsWith(".json") && name.startsWith(values.list))
    .sort()
    .flatMap((name) => JSON.parse(readFileSync(`${lists}/${name}`, "utf8")))
    .map(({ test, ...mutant }) => ({ ...mutant, tests: [test].flat() }));
}

/** Each lane has its own copy, and takes the next mutant when it is done with one. */
async function tryAll(mutants, lanes) {
  const results = [];
  const waiting = [...mutants];
  const lane = async () => {
    const copy = copyOfTree(root);
    try {
      await expectControl(copy);
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const outcome = await tryOne(copy, mutant);
        results.push({ ...mutant, outcome });
        console.log(
          `${results.length}/${mutants.length} ${outcome.padEnd(9)} ${mutant.file} ${inOneLine(mutant)}`,
        );
      }
    } finally {
      copy.remove();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}

/** Without a break, tests must pass in the copy: otherwise every mutant would look killed. */
async function expectControl(copy) {
  if (values.check || (await copy.passes(CONTROL))) return;
  throw new Error(`${CONTROL.join(", ")} fails without any change: nothing can be said of mutants`);
}

/** @returns killed, survived, untested, or missing if the text isn't there exactly once; found where only that is asked */
async function tryOne(copy, { file, find, replace, at, tests, more = [] }) {
  const undo = copy.change(file, find, replace, at);
  if (undo === undefined) return "missing";
  try {
    if (values.check) return "found";
    const thorough = values.thorough ? [["tests/integration"]] : [];
    const inTurn = [tests, ...more, ...thorough].filter(({ length }) => length > 0);
    if (inTurn.length === 0) return "untested";
    for (const some of inTurn) if (!(await copy.passes(some))) return "killed";
    return "survived";
  } finally {
    undo();
  }
}

function report(results) {
  const bad = results.filter(({ outcome }) => outcome !== "killed" && outcome !== "found");
  if (values.sample !== undefined) {
    for (const folder of CORE_FOLDERS) {
      const own = results.filter((mutant) => mutant.folder === folder);
      const killed = own.filter(({ outcome }) => outcome === "killed").length;
      if (own.length > 0)
        console.log(`${folder}: ${killed} of ${own.length} noticed, ${percent(killed, own.length)}`);
    }
  }
  const good = results.length - bad.length;
  const what = values.check ? "are where the list says" : "noticed";
  console.log(`${good} of ${results.length} ${what}, ${percent(good, results.length)}`);
  for (const mutant of bad)
    console.log(`${mutant.outcome}: ${mutant.file}${placeOf(mutant)} ${inOneLine(mutant)}`);
  process.exitCode = bad.length > 0 && values.sample === undefined ? 1 : 0;
}

function placeOf({ line }) {
  return line === undefined ? "" : `:${line}`;
}

function inOneLine({ find, replace, what }) {
  if (what !== undefined) return what;
  const short = (text) => JSON.stringify(text.trim().replace(/\s+/g, " ").slice(0, 60));
  return `${short(find)} -> ${short(replace)}`;
}

function percent(part, whole) {
  return `${whole === 0 ? 100 : Math.round((1000 * part) / whole) / 10} %`;
}
