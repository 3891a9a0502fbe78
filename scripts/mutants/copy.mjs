/** A copy of the tree to break lines in: with its own files, and the tree's libraries. */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Timeout for the tests of one mutant in ms, which also ends endless loops. */
const PATIENCE = 600_000;

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
    change: (file, find, replace, at) => change(join(folder, file), find, replace, at),
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
 * @param at offset of the text; without it, the text must occur exactly once
 * @returns what takes the change back; undefined if the text isn't there
 */
function change(path, find, replace, at) {
  const before = readFileSync(path, "utf8");
  const place = at ?? before.indexOf(find);
  const isThere = before.startsWith(find, place) && place >= 0;
  if (!isThere || (at === undefined && before.includes(find, place + 1))) return undefined;
  writeFileSync(path, before.slice(0, place) + replace + before.slice(place + find.length));
  return () => writeFileSync(path, before);
}

/** Whether all of these tests pass. Those that start processes use what was built. */
async function passes(folder, tests) {
  if (tests.some((test) => test.startsWith("tests/"))) build(folder);
  const vitest = join(folder, "node_modules/vitest/vitest.mjs");
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
    const timer = setTimeout(() => process.kill(-pid, "SIGKILL"), PATIENCE);
    child.on("exit", (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

/** The type checker may reject a mutant: its output is tested nevertheless. */
function build(folder) {
  const compiler = join(folder, "node_modules/typescript/bin/tsc");
  spawnSync(process.execPath, [compiler, "-b", "packages/agent", "packages/client"], {
    cwd: folder,
    stdio: "ignore",
  });
}
