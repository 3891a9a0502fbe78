/** Settings for a command: in force, or named with what is wrong with them, and exit code 2. */
import { type Config, loadConfig } from "../config/config.js";

/** The configuration, or undefined where the environment has none that can be used: that is said, and told in the exit code. */
export function settingsOrExitCode(): Config | undefined {
  const loaded = loadConfig(process.env);
  if (loaded.ok) return loaded.config;
  const [first, ...others] = loaded.problems;
  const heading =
    others.length === 0 ? "A setting is wrong:" : `${loaded.problems.length} settings are wrong:`;
  process.stderr.write(`${heading}\n${[first, ...others].map((problem) => `  ${problem}\n`).join("")}`);
  process.exitCode = 2;
  return undefined;
}
