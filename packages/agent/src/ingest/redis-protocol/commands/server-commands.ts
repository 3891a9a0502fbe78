/** Commands about the server, which libraries and people send to see what it is. */
import type { Call, CommandResult } from "../command.js";
import { failure, list, quote } from "../reply.js";

/** The version of Redis that the broker behaves like: drivers choose their commands by it. */
export const VERSION = "7.0.0";

export function ping([, text]: readonly string[], _call: Call): CommandResult {
  return text ?? { kind: "status", text: "PONG" };
}

export function echo([, text = ""]: readonly string[]): CommandResult {
  return text;
}

/** Returns all sections, whichever were requested: they are few. */
export function info(_args: readonly string[], { broker }: Call): CommandResult {
  const uptime = Math.floor((broker.clock.monotonic() - broker.started) / 1000);
  return [
    "# Server",
    `redis_version:${VERSION}`,
    "redis_mode:standalone",
    `process_id:${process.pid}`,
    `uptime_in_seconds:${uptime}`,
    "",
    "# Clients",
    `connected_clients:${broker.sessions.size}`,
    "",
    "# Persistence",
    "loading:0",
    "",
    "# Replication",
    "role:master",
    "connected_slaves:0",
    "",
    "# Chouette",
    "broker:embedded",
    "",
  ].join("\r\n");
}

/** Drivers and redis-cli request the table of commands, but don't need it. */
export function command([, subcommand = ""]: readonly string[]): CommandResult {
  switch (subcommand.toUpperCase()) {
    case "COUNT":
      return 0;
    case "DOCS":
      return { kind: "map", entries: [] };
    case "":
    case "INFO":
    case "LIST":
      return list([]);
    default:
      return failure(`ERR unknown subcommand ${quote(subcommand)} of COMMAND`);
  }
}

/**
 * A web page can make a browser post lines to a port of the same machine, and some of them might be commands. Like Redis, the
 * broker closes the connection when it sees an HTTP request.
 */
export function crossProtocol(_args: readonly string[], { session }: Call): CommandResult {
  session.end();
  return failure("ERR this isn't a web server");
}
