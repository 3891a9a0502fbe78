/**
 * Sets up the clone, then runs a script: `node scripts/after-setup.mjs SCRIPT ARGUMENTS…`.
 *
 * With --help, nothing is installed.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const args = process.argv.slice(2);
const setup = fileURLToPath(new URL("setup.mjs", import.meta.url));

if (!args.includes("--help") && !args.includes("-h")) runOrExit([setup, "--test"]);
runOrExit(args);

function runOrExit(command) {
  const { status } = spawnSync(process.execPath, command, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
