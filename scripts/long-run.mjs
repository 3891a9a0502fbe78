/** What `npm run chaos` and `npm run fuzz` have in common: a seed, a number of minutes, and Vitest with more patience. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const MAX_MINUTES = 24 * 60;

/**
 * @param {string} defaultMinutes
 * @param {readonly Name[]} names of further options, which have a text each
 * @template {string} Name
 * @returns {Partial<Record<Name, string>> & { seed: number, minutes: number }}
 */
export function longRunOptions(defaultMinutes, names) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
      minutes: { type: "string", default: defaultMinutes },
      ...Object.fromEntries(names.map((name) => [name, { type: "string" }])),
    },
  });
  const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
  if (!Number.isInteger(seed)) fail("--seed should be a whole number");
  if (!(minutes > 0 && minutes <= MAX_MINUTES)) fail(`--minutes should be a number from 0 to ${MAX_MINUTES}`);
  return /** @type {any} */ ({ ...values, seed, minutes });
}

/** Runs these test files. Returns the exit code. */
export function runTests(files, env) {
  const { status } = spawnSync(process.execPath, [`${root}node_modules/vitest/vitest.mjs`, "run", ...files], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, TEST_PATIENCE: "5", ...env },
  });
  return status ?? 1;
}

export function fail(message) {
  console.error(message);
  process.exit(2);
}
