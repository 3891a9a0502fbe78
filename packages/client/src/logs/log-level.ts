/** Maps loggers' names of levels to the original client's five levels. */
import { LOG_LEVELS, type LogLevel } from "@chouette-iot/record";

const NAMES: ReadonlyMap<string, LogLevel> = new Map(
  Object.entries({
    silly: "DEBUG",
    trace: "DEBUG",
    verbose: "DEBUG",
    debug: "DEBUG",
    http: "INFO",
    info: "INFO",
    notice: "INFO",
    warn: "WARNING",
    warning: "WARNING",
    error: "ERROR",
    fatal: "CRITICAL",
    crit: "CRITICAL",
    critical: "CRITICAL",
    alert: "CRITICAL",
    emerg: "CRITICAL",
  } as const),
);

/** The level by its name in Python, pino or winston, case-insensitive, or by pino's number; undefined for anything else. */
export function readLevel(level: unknown): LogLevel | undefined {
  if (typeof level === "number") return byNumber(level);
  return typeof level === "string" ? NAMES.get(level.toLowerCase()) : undefined;
}

/** pino's numbers: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal, with custom levels in between. */
function byNumber(level: number): LogLevel {
  if (level >= 60) return "CRITICAL";
  if (level >= 50) return "ERROR";
  if (level >= 40) return "WARNING";
  return level >= 30 ? "INFO" : "DEBUG";
}

export function isAtLeast(level: LogLevel, minLevel: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(minLevel);
}
