/** The settings for a command. */
import { type Config, loadConfig } from "../config/config.js";
import { count } from "./plural.js";

/** The configuration; or undefined if a setting is invalid, which is printed to stderr and sets exit code 2. */
export function settingsOrExitCode(): Config | undefined {
  const loaded = loadConfig(process.env);
  if (loaded.ok) return loaded.config;
  const heading = `${count(loaded.problems.length, "invalid setting")}:`;
  process.stderr.write(`${heading}\n${loaded.problems.map((problem) => `  ${problem}\n`).join("")}`);
  process.exitCode = 2;
  return undefined;
}
