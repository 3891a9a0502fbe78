/** docs/BENCHMARKS.md and its plots are generated from docs/benchmarks.json. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { newFolder } from "../support/folders.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REPORT = "BENCHMARKS.md";
const PLOTS = "benchmarks";

let folder: Awaited<ReturnType<typeof newFolder>> | undefined;
afterEach(() => folder?.remove());

test("the report and the plots in docs/ are those of the figures beside them", async () => {
  folder = await newFolder();
  const script = join(ROOT, "bench/run.mjs");
  await promisify(execFile)(process.execPath, [script, "--report", "--out", folder.path]);

  expect(filesOf(join(ROOT, "docs"))).toEqual(filesOf(folder.path));
});

function filesOf(path: string): Record<string, string> {
  const names = [REPORT, ...readdirSync(join(path, PLOTS)).map((plot) => join(PLOTS, plot))];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), "utf8")]));
}
