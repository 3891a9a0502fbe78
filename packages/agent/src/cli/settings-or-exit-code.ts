/** The settings for a command, and the exit code if they are invalid or the command fails. */
import { messageOf } from "@chouette-iot/record";
import { type Config, loadConfig } from "../config/config.js";
import { printableLines } from "../runtime/printable.js";
import { count } from "../runtime/readable.js";

/** The configuration; or undefined if a setting is invalid, which is printed to stderr and sets exit code 2. */
export function settingsOrExitCode(): Config | undefined {
  const loaded = loadConfig(process.env);
  if (loaded.ok) return loaded.config;
  const heading = `${count(loaded.problems.length, "invalid setting")}:`;
  process.stderr.write(
    `${heading}\n${loaded.problems.map((problem) => `  ${printableLines(problem)}\n`).join("")}`,
  );
  process.exitCode = 2;
  return undefined;
}

/** Runs the command with the settings. Its error is a message for people: printed to stderr, with exit code 1. */
export async function runWithSettings(run: (config: Config) => Promise<void>): Promise<void> {
  const config = settingsOrExitCode();
  if (config !== undefined) await orExitCode(() => run(config));
}

/** Runs the command. Prints its error to stderr and sets exit code 1. */
export async function orExitCode(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    process.stderr.write(`${printableLines(messageOf(error))}\n`);
    process.exitCode = 1;
  }
}
