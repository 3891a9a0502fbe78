/** Copies the console's output to a log sink, if the program asks for it. */
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

/** The global console. The client uses it nowhere else. */
const target = globalThis.console;

/** Patches the console. @returns a function that restores it */
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
