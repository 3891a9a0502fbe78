/** The console, by explicit call only: what it prints goes to a log sink as well. */
import { format } from "node:util";
import { isError } from "../any-error.js";
import type { LogSink } from "./log-sink.js";

const LEVELS = {
  debug: "DEBUG",
  log: "INFO",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
} as const;

/** The global console: the one place where the client touches it. */
const target = globalThis.console;

/** @returns what puts the console back as it was */
export function patchConsole(sink: LogSink): () => void {
  const originals = Object.keys(LEVELS).map((name) => {
    const method = name as keyof typeof LEVELS;
    const original = target[method];
    target[method] = (...args: unknown[]) => {
      original.apply(target, args);
      const error = args.find(isError);
      void sink.log(LEVELS[method], format(...args), error === undefined ? {} : { exc_info: error });
    };
    return { method, original };
  });
  return () => {
    for (const { method, original } of originals) target[method] = original;
  };
}
