/** The modules and what each may import. The architecture stays readable only while this holds. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const repository = fileURLToPath(new URL("..", import.meta.url));
const packages = join(repository, "packages");

/** By module: other modules, and libraries. A module's own files and Node's built-ins are always allowed. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  record: [],
  queue: ["record"],
  // Of the protocol: addresses, and which server is the master.
  "queue/redis": ["record", "queue", "queue/resp", "@redis/client"],
  // Redis' protocol on a socket, for code to which the driver is too expensive, or that must know which connection
  // carried what.
  "queue/resp": ["record"],
  "queue/embedded": ["record", "queue"],
  "queue/memory": ["record", "queue"],
  client: ["record", "queue", "queue/redis", "queue/resp"],
  // The building blocks of all modules of the agent: clock, log, outages, watchdog, errors.
  "agent/runtime": ["record", "queue", "pino"],
  "agent/aggregation": ["record"],
  "agent/wrappers": ["record", "agent/runtime", "agent/aggregation"],
  // Node has no Unix datagrams: the package that has them is loaded if a path is set.
  "agent/ingest": ["record", "queue", "agent/runtime"],
  "agent/flush": ["record", "queue", "agent/runtime", "agent/aggregation", "agent/wrappers"],
  // How the shards grow, and how records of clients without shards reach them. Of Redis the number of shards.
  "agent/shards": [
    "record",
    "queue",
    "queue/redis",
    "agent/runtime",
    "agent/aggregation",
    "agent/flush",
    "agent/lease",
  ],
  "agent/timekeeping": ["record", "queue", "agent/runtime", "agent/flush"],
  "agent/dispatch": ["record", "queue", "agent/runtime", "agent/outputs"],
  "agent/lease": ["record", "queue", "agent/runtime"],
  // Of Redis only types, to ask it about evictions.
  "agent/housekeeping": ["record", "queue", "queue/redis", "agent/runtime"],
  // The gateway's output writes to the queues of another agent.
  "agent/outputs": ["record", "queue", "queue/resp", "agent/runtime", "@bokuweb/zstd-wasm"],
  "agent/intake": ["record", "agent/runtime", "fzstd"],
  "agent/collectors": [
    "record",
    "agent/runtime",
    "agent/config",
    // Connections, the master that Sentinels name, the parser of INFO.
    "queue/redis",
    "queue/resp",
    "@redis/client",
    "mqtt-packet",
    "systeminformation",
  ],
  // Of Redis' protocol the addresses.
  "agent/config": ["record", "queue/resp", "agent/runtime", "agent/wrappers", "leven", "yaml", "zod"],
  "agent/status": [
    "agent/ingest",
    "record",
    "queue",
    "agent/runtime",
    "agent/collectors",
    "agent/config",
    "agent/dispatch",
    "agent/outputs",
  ],
  // Shows the status, and the settings like the command line.
  "agent/dashboard": ["record", "queue", "agent/runtime", "agent/collectors", "agent/config", "agent/status"],
  "agent/cli": [
    "record",
    "queue",
    "queue/redis",
    "client",
    "agent",
    "agent/runtime",
    "agent/collectors",
    "agent/config",
    // The answers of /top and /tap.
    "agent/dashboard",
    "agent/dispatch",
    "agent/intake",
    "agent/outputs",
    // To check before the start that the wrapper can be loaded.
    "agent/wrappers",
    "agent/status",
    "commander",
  ],
  // The files beside the modules: the wiring.
  agent: [
    "record",
    "queue",
    "queue/redis",
    "queue/embedded",
    "agent/runtime",
    "agent/aggregation",
    "agent/wrappers",
    "agent/ingest",
    "agent/lease",
    "agent/flush",
    "agent/shards",
    "agent/timekeeping",
    "agent/dispatch",
    "agent/housekeeping",
    "agent/outputs",
    "agent/collectors",
    "agent/config",
    "agent/status",
    "agent/dashboard",
  ],
};

const PACKAGE_MODULES: Readonly<Record<string, string>> = {
  "@chouette-iot/record": "record",
  "@chouette-iot/record/calls": "record",
  "@chouette-iot/record/host": "record",
  "@chouette-iot/queue": "queue",
  "@chouette-iot/queue/redis": "queue/redis",
  "@chouette-iot/queue/redis/append": "queue/redis",
  "@chouette-iot/queue/redis/backoff": "queue/redis",
  "@chouette-iot/queue/redis/info": "queue/redis",
  "@chouette-iot/queue/redis/connection": "queue/redis",
  "@chouette-iot/queue/resp": "queue/resp",
  "@chouette-iot/queue/resp/address": "queue/resp",
  "@chouette-iot/queue/resp/ask-server": "queue/resp",
  "@chouette-iot/queue/resp/cluster-finder": "queue/resp",
  "@chouette-iot/queue/resp/master-finder": "queue/resp",
  "@chouette-iot/queue/resp/role": "queue/resp",
  "@chouette-iot/queue/resp/sentinel-address": "queue/resp",
  "@chouette-iot/queue/resp/server-finder": "queue/resp",
  "@chouette-iot/queue/resp/socket": "queue/resp",
  "@chouette-iot/queue/embedded": "queue/embedded",
  "@chouette-iot/queue/embedded/scratch": "queue/embedded",
  "@chouette-iot/queue/memory": "queue/memory",
  "chouette-iot-client": "client",
};

/** Sources by their path below packages/, tests left out. */
function sources(): readonly string[] {
  const all = readdirSync(packages, { recursive: true, encoding: "utf8" });
  return all.filter((path) => /^[^/]+\/src\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"));
}

/** The module of a source: its folder in its package, or the package itself. */
function moduleOf(path: string): string {
  const [name = "", , folder = "", ...deeper] = path.split("/");
  const module = `${name}/${folder}`;
  return deeper.length > 0 && module in MODULES ? module : name;
}

function importsOf(path: string): readonly string[] {
  const text = readFileSync(join(packages, path), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

/** The source that an import refers to; undefined for a library. */
function importedSource(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return relative(packages, join(packages, dirname(path), specifier)).replace(/\.js$/, ".ts");
}

/** Import cycles, type imports included, each as a chain. */
function cycles(): readonly string[] {
  const finished = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, chain: readonly string[]) => {
    const start = chain.indexOf(path);
    if (start >= 0) found.push([...chain.slice(start), path].join(" -> "));
    if (start >= 0 || finished.has(path)) return;
    for (const specifier of importsOf(path)) {
      const imported = importedSource(path, specifier);
      if (imported?.endsWith(".ts")) visit(imported, [...chain, path]);
    }
    finished.add(path);
  };
  for (const path of sources()) visit(path, []);
  return found;
}

/** Exported values that no other file uses: they should be private, or deleted. */
function unusedExports(): readonly string[] {
  const roots = ["packages", "tests", "bench", "scripts", "examples"];
  const files = roots.flatMap((root) =>
    readdirSync(join(repository, root), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(?:ts|mjs)$/.test(path) && !/(?:^|\/)(?:node_modules|dist)\//.test(path))
      .map((path) => join(root, path)),
  );
  const users = new Map<string, number>();
  for (const path of files) {
    const text = readFileSync(join(repository, path), "utf8");
    for (const word of new Set(text.match(/[A-Za-z_$][\w$]*/g))) users.set(word, (users.get(word) ?? 0) + 1);
  }
  const exported = /^export (?:async )?(?:function\*?|const|let|class) ([\w$]+)/gm;
  return sources().flatMap((path) =>
    [...readFileSync(join(packages, path), "utf8").matchAll(exported)]
      .filter(([, name = ""]) => users.get(name) === 1)
      .map(([, name]) => `${path} exports ${name}`),
  );
}

/** The module or library that an import refers to; undefined for Node's built-ins. */
function target(path: string, specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  if (!specifier.startsWith(".")) return PACKAGE_MODULES[specifier] ?? specifier;
  return moduleOf(importedSource(path, specifier) ?? "");
}

describe("the modules", () => {
  it("import what the table allows them, and nothing else", () => {
    const violations = sources().flatMap((path) => {
      const module = moduleOf(path);
      const allowed = [module, ...(MODULES[module] ?? [])];
      return importsOf(path)
        .filter((specifier) => {
          const imported = target(path, specifier);
          return imported !== undefined && !allowed.includes(imported);
        })
        .map((specifier) => `${path} imports ${specifier}`);
    });
    expect(violations).toEqual([]);
  });

  it("contain no cycle of imports, type imports included", () => {
    expect(cycles()).toEqual([]);
  });

  it("export no value that nobody else uses", () => {
    expect(unusedExports()).toEqual([]);
  });

  it("of the table exist", () => {
    const modules = new Set(sources().map(moduleOf));
    expect(Object.keys(MODULES).filter((module) => !modules.has(module))).toEqual([]);
  });
});
