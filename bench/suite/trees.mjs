/**
 * The code to measure: this checkout, and with `--against` another revision, in a git worktree with its own
 * dependencies and build. The suite's scripts are always those of this checkout.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("../..", import.meta.url));

/** @returns {import("./measurement.mjs").Tree} */
export function thisTree() {
  const isChanged = git("status", "--porcelain", "--untracked-files=no") !== "";
  const revision = git("rev-parse", "--short", "HEAD");
  return { name: "this checkout", root: HERE, revision: isChanged ? `${revision}, changed` : revision };
}

/**
 * @param {string} ref  what git calls a revision
 * @param {string} folder  where its worktree may be
 * @returns {{ tree: import("./measurement.mjs").Tree, remove: () => void }}
 */
export function otherTree(ref, folder) {
  const revision = git("rev-parse", "--short", "--verify", `${ref}^{commit}`);
  const root = join(folder, `revision-${revision}`);
  git("worktree", "add", "--detach", root, revision);
  const remove = () => git("worktree", "remove", "--force", root);
  try {
    /** @type {import("node:child_process").ExecFileSyncOptions} */
    const inTree = { cwd: root, stdio: ["ignore", "ignore", "inherit"] };
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], inTree);
    execFileSync("npm", ["run", "build"], inTree);
  } catch (error) {
    remove();
    throw error;
  }
  return { tree: { name: ref, root, revision }, remove };
}

/** The versions of the series endpoint that a tree's agent knows, the newest first. @param {import("./measurement.mjs").Tree} tree */
export function seriesVersions({ root }) {
  const hasV3 = existsSync(join(root, "packages/agent/dist/outputs/series-v3.js"));
  return /** @type {readonly ("v2" | "v3")[]} */ (hasV3 ? ["v3", "v2"] : ["v2"]);
}

/**
 * The label of one of our rows: with the tree's name if there are two.
 *
 * @param {string} label
 * @param {import("./measurement.mjs").Tree} tree
 * @param {readonly import("./measurement.mjs").Tree[]} trees
 */
export function ourLabel(label, tree, trees) {
  return trees.length > 1 ? `${label}, ${tree.name}` : label;
}

function git(...args) {
  return execFileSync("git", args, { cwd: HERE, encoding: "utf8" }).trim();
}
