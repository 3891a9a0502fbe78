/** The rooms of the house and what each may import. The walk stays readable only while this holds. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const packages = fileURLToPath(new URL("../packages", import.meta.url));

/** By room: other rooms, and libraries. A room's own files and Node's built-ins are always allowed. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  record: [],
  queue: ["record"],
  "queue/redis": ["record", "queue", "@redis/client"],
  "queue/embedded": ["record", "queue"],
  "queue/memory": ["record", "queue"],
  client: ["record", "queue", "queue/redis", "@redis/client"],
  "agent/aggregation": ["record"],
  "agent/wrappers": ["record", "agent/aggregation"],
  "agent/ingest": [
    "record",
    "queue",
    "agent/address.ts",
    "agent/clock.ts",
    "agent/log.ts",
    "agent/outage.ts",
  ],
  "agent/flush": [
    "record",
    "queue",
    "agent/aggregation",
    "agent/wrappers",
    "agent/clock.ts",
    "agent/log.ts",
    "agent/outage.ts",
  ],
  "agent/timekeeping": ["record", "queue", "agent/flush", "agent/clock.ts", "agent/log.ts"],
  "agent/dispatch": ["record", "queue", "agent/outputs", "agent/clock.ts", "agent/log.ts", "agent/outage.ts"],
  "agent/lease": ["record", "queue", "agent/clock.ts", "agent/log.ts", "agent/outage.ts"],
  // Of Redis the kinds alone, to ask it what it evicted.
  "agent/housekeeping": ["record", "queue", "queue/redis", "agent/clock.ts", "agent/outage.ts"],
  "agent/outputs": ["record", "agent/printable.ts", "agent/redact.ts", "@bokuweb/zstd-wasm"],
  "agent/runtime": [],
  "agent/intake": ["record", "agent/runtime", "agent/clock.ts", "fzstd"],
  "agent/collectors": [
    "record",
    "agent/runtime",
    "agent/config",
    "agent/clock.ts",
    "agent/log.ts",
    "agent/outage.ts",
    "@redis/client",
    "mqtt-packet",
    "systeminformation",
    "zod",
  ],
  "agent/config": [
    "record",
    "agent/runtime",
    "agent/collectors",
    "agent/wrappers",
    "agent/redact.ts",
    "leven",
    "yaml",
    "zod",
  ],
  "agent/status": [
    "record",
    "agent/runtime",
    "queue",
    "agent/collectors",
    "agent/config",
    "agent/dispatch",
    "agent/outputs",
    "agent/address.ts",
    "agent/clock.ts",
    "agent/log.ts",
    "agent/outage.ts",
    "agent/ready-writer.ts",
    "agent/redact.ts",
    "agent/version.ts",
  ],
  "agent/cli": [
    "record",
    "agent/runtime",
    "queue",
    "queue/redis",
    "client",
    "agent",
    "agent/collectors",
    "agent/config",
    "agent/dispatch",
    "agent/intake",
    "agent/outputs",
    "agent/status",
    "commander",
  ],
  // The files beside the rooms: the wiring, and the few nouns that several rooms share.
  agent: [
    "record",
    "queue",
    "queue/redis",
    "queue/embedded",
    "agent/aggregation",
    "agent/wrappers",
    "agent/ingest",
    "agent/lease",
    "agent/flush",
    "agent/timekeeping",
    "agent/dispatch",
    "agent/housekeeping",
    "agent/outputs",
    "agent/collectors",
    "agent/config",
    "agent/status",
    "pino",
    "pino-pretty",
  ],
};

const PACKAGE_ROOMS: Readonly<Record<string, string>> = {
  "@chouette-iot/record": "record",
  "@chouette-iot/queue": "queue",
  "@chouette-iot/queue/redis": "queue/redis",
  "@chouette-iot/queue/redis/append": "queue/redis",
  "@chouette-iot/queue/redis/backoff": "queue/redis",
  "@chouette-iot/queue/redis/connection": "queue/redis",
  "@chouette-iot/queue/embedded": "queue/embedded",
  "@chouette-iot/queue/memory": "queue/memory",
  "chouette-iot-client": "client",
};

/** Sources by their path below packages/, tests left out. */
function sources(): readonly string[] {
  const all = readdirSync(packages, { recursive: true, encoding: "utf8" });
  return all.filter((path) => /^[^/]+\/src\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"));
}

/** The room of a source: its folder in its package, or the package itself. */
function roomOf(path: string): string {
  const [name = "", , folder = "", ...deeper] = path.split("/");
  const room = `${name}/${folder}`;
  return deeper.length > 0 && room in ROOMS ? room : name;
}

function importsOf(path: string): readonly string[] {
  const text = readFileSync(join(packages, path), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

/** What an import leads to, in the table's words. */
function target(path: string, specifier: string): readonly string[] {
  if (specifier.startsWith("node:")) return [];
  if (!specifier.startsWith(".")) return [PACKAGE_ROOMS[specifier] ?? specifier];
  const file = relative(packages, join(packages, dirname(path), specifier)).replace(/\.js$/, ".ts");
  // A file beside the rooms may be named by itself.
  return [roomOf(file), file.replace("/src/", "/")];
}

describe("the house", () => {
  it("has each room import what the table allows it, and nothing else", () => {
    const trespasses = sources().flatMap((path) => {
      const room = roomOf(path);
      const allowed = [room, ...(ROOMS[room] ?? [])];
      return importsOf(path)
        .filter((specifier) => {
          const targets = target(path, specifier);
          return targets.length > 0 && !targets.some((name) => allowed.includes(name));
        })
        .map((specifier) => `${path} imports ${specifier}`);
    });
    expect(trespasses).toEqual([]);
  });

  it("has a table that speaks of rooms that are there", () => {
    const rooms = new Set(sources().map(roomOf));
    expect(Object.keys(ROOMS).filter((room) => !rooms.has(room))).toEqual([]);
  });
});
