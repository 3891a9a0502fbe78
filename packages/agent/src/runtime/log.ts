/** The agent's own log: JSON lines on stdout, and lines for people on a terminal. */
import { createRequire } from "node:module";
import pino from "pino";

export type Log = Pick<pino.Logger, "debug" | "info" | "warn" | "error">;

/** A log whose least level can be set while it is in use. */
export type OwnLog = Log & Pick<pino.Logger, "level">;

const LEVELS: Readonly<Record<string, string>> = { notset: "trace", warning: "warn", critical: "fatal" };

/** @param name of the least level: pino's names, or the original's */
export function createLog(name: string): OwnLog {
  const options = { level: levelOf(name), base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // In this process and at once, since the last lines before a crash are those that matter.
  if (process.stdout.isTTY) return pino(options, prettyLines());
  return pino(options, pino.destination({ dest: 1, sync: true }));
}

/** Loaded for a terminal alone: it would take memory for nothing on every device. */
function prettyLines(): pino.DestinationStream {
  const pretty: typeof import("pino-pretty") = createRequire(import.meta.url)("pino-pretty");
  return pretty({ sync: true, ignore: "pid,hostname" });
}

/** The level in pino's own names. */
export function levelOf(name: string): string {
  return LEVELS[name] ?? name;
}
