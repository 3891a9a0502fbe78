/**
 * The agent's own log: JSON lines, or readable lines on a terminal.
 *
 * It is written to stdout, as service managers expect, or to stderr if metrics are printed to stdout.
 */
import { isatty } from "node:tty";
import pino from "pino";
import { lineForPeople } from "./log-line.js";
import { printableJson } from "./printable.js";

/** Writes a line. The field of an error is `err`. */
export interface LogLine {
  (message: string): void;
  (fields: object, message: string): void;
}

export interface Log {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
}

/** A log whose minimum level can be changed. */
export interface OwnLog extends Log {
  level: string;
}

export type LogStream = "stdout" | "stderr";

const LEVELS: Readonly<Record<string, string>> = { notset: "trace", warning: "warn", critical: "fatal" };
const DESCRIPTORS: Readonly<Record<LogStream, number>> = { stdout: 1, stderr: 2 };

/** @param name of the minimum level, as pino or the Python agent names it */
export function createLog(name: string, stream: LogStream = "stdout"): OwnLog {
  const options = { level: levelOf(name), base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const dest = DESCRIPTORS[stream];
  // Synchronous: the last lines before a crash must not be lost.
  const destination = pino.destination({ dest, sync: true });
  // JSON lines reach terminals, too, through journalctl or `docker logs`.
  if (!isatty(dest)) return pino({ ...options, hooks: { streamWrite: printableJson } }, destination);
  const hasColors = process[stream].hasColors();
  return pino(options, { write: (json: string) => destination.write(lineForPeople(json, hasColors)) });
}

/** The level's name in pino. */
export function levelOf(name: string): string {
  return LEVELS[name] ?? name;
}
