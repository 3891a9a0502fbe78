/** A copy of the tree to break lines in: with its own files, and the tree's libraries. */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { transformSync } from "rolldown/experimental";

/** Timeout for the tests of one mutant in ms, and for unit tests: they also end endless loops. */
const PATIENCE = 600_000;
const UNIT_PATIENCE = 240_000;

export function copyOfTree(root) {
  const folder = mkdtempSync(join(tmpdir(), "chouette-mutants-"));
  const { stdout } = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const file of stdout.split("\0").filter(Boolean)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file), { force: true });
  }
  linkLibraries(root, folder);
  build(folder);
  return {
    change: (file, find, replace, at) => replaceInBoth(folder, file, { find, replace, at }),
    passes: (tests) => passes(folder, tests),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Hard links where the file system allows: with symbolic ones Vitest would take the tree itself for its root. */
function linkLibraries(root, folder) {
  const from = join(root, "node_modules");
  const linked = spawnSync("cp", ["-al", from, folder], { stdio: "ignore" });
  if (linked.status === 0) return;
  rmSync(join(folder, "node_modules"), { recursive: true, force: true });
  cpSync(from, join(folder, "node_modules"), { recursive: true, verbatimSymlinks: true });
}

/**
 * Changes a source, and what was built of it: tests that start processes use the build. The type checker may reject a mutant: it
 * isn't asked.
 *
 * @returns what takes the change back; undefined if the text isn't there
 */
function replaceInBoth(folder, file, replacement) {
  const path = join(folder, file);
  const before = readFileSync(path, "utf8");
  const after = textAfter(before, replacement);
  if (after === undefined) return undefined;
  const built = builtOf(path);
  const builtBefore = built === undefined ? "" : readFileSync(built, "utf8");
  writeFileSync(path, after);
  if (built !== undefined) writeFileSync(built, transformSync(path, after).code);
  return () => {
    writeFileSync(path, before);
    if (built !== undefined) writeFileSync(built, builtBefore);
  };
}

/** Undefined unless the text occurs at the offset `at`, or without one exactly once. */
function textAfter(source, { find, replace, at }) {
  const place = at ?? source.indexOf(find);
  const isThere = source.startsWith(find, place) && place >= 0;
  if (!isThere || (at === undefined && source.includes(find, place + 1))) return undefined;
  return source.slice(0, place) + replace + source.slice(place + find.length);
}

function builtOf(path) {
  const built = path.replace("/src/", "/dist/").replace(/\.ts$/, ".js");
  return built !== path && existsSync(built) ? built : undefined;
}

/** Whether all of these tests pass. */
async function passes(folder, tests) {
  const vitest = join(folder, "node_modules/vitest/vitest.mjs");
  const areUnitTests = tests.every((test) => test.startsWith("packages/"));
  const args = [vitest, "run", "--maxWorkers=1", "--bail=1", "--silent=true", ...tests];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, MODEL_SEED: "1" },
    stdio: "ignore",
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("vitest did not start");
  return new Promise((resolve) => {
    // With all that it has started.
    const patience = areUnitTests ? UNIT_PATIENCE : PATIENCE;
    const timer = setTimeout(() => process.kill(-pid, "SIGKILL"), patience);
    child.on("exit", (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

function build(folder) {
  const compiler = join(folder, "node_modules/typescript/bin/tsc");
  spawnSync(process.execPath, [compiler, "-b", "packages/agent", "packages/client"], {
    cwd: folder,
    stdio: "ignore",
  });
}
