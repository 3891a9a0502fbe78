/** The agent's own log: JSON lines on stdout, and lines for people on a terminal. */
import pino from "pino";
import pretty from "pino-pretty";

export type Log = Pick<pino.Logger, "debug" | "info" | "warn" | "error">;

const LEVELS: Readonly<Record<string, string>> = { warning: "warn", critical: "fatal" };

/** @param level pino's names, or the original's */
export function createLog(level: string): Log {
  const options = { level: LEVELS[level] ?? level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // In this process and at once, since the last lines before a crash are those that matter.
  if (process.stdout.isTTY) return pino(options, pretty({ sync: true, ignore: "pid,hostname" }));
  return pino(options, pino.destination({ dest: 1, sync: true }));
}
