/**
 * TypeScript: each version compiles the program, strictly and with the declarations of libraries checked, for each kind
 * of module resolution in a project of ES modules and one of CommonJS. Its output is run.
 */
import { messageOf } from "./place.mjs";
import { EXPECTED, IMPORTS } from "./program.mjs";

const VERSIONS = ["5.2", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8", "5.9", "6", "7"];
/** Column → the project's `type`, and options. @type {Readonly<Record<string, [string, { module: string, moduleResolution: string }]>>} */
const PROJECTS = {
  "node10, CommonJS": ["commonjs", { module: "commonjs", moduleResolution: "node10" }],
  "node10, ESM": ["module", { module: "esnext", moduleResolution: "node10" }],
  "node16, CommonJS": ["commonjs", { module: "node16", moduleResolution: "node16" }],
  "node16, ESM": ["module", { module: "node16", moduleResolution: "node16" }],
  "nodenext, CommonJS": ["commonjs", { module: "nodenext", moduleResolution: "nodenext" }],
  "nodenext, ESM": ["module", { module: "nodenext", moduleResolution: "nodenext" }],
  "bundler, ESM": ["module", { module: "esnext", moduleResolution: "bundler" }],
};
/** Major version → the module resolution that it no longer has. */
const REMOVED = new Map([[7, "node10"]]);

const PROGRAM = `${IMPORTS}
import { timed, type BoundCounter } from "chouette-iot-client";
interface Metrics {
  flushed: { type: "count"; tags: "kind" };
  at_end: { type: "gauge" };
}
class Shop {
  @timed("sell") sell(count: number): string { return String(count); }
}
async function main(): Promise<void> {
  const client = new ChouetteClient<Metrics>();
  const handle: BoundCounter = client.boundCounter("flushed", { kind: "a" });
  handle.inc();
  client.increment("flushed", 1, { tags: { kind: "b" } });
  // @ts-expect-error: no such metric
  new TestClient<Metrics>().increment("other");
  const all: boolean = await client.flush({ timeoutMs: 20000 });
  if (!all) throw new Error("not all is flushed");
  client.gauge("at_end", 1);
  const functions: readonly unknown[] = [httpMetrics, collectRuntimeMetrics, Shop];
  if (functions.some((it) => typeof it !== "function")) throw new Error("a path is empty");
}
void main();
`;

export const typescript = {
  title: "TypeScript",
  columns: Object.keys(PROJECTS),
  async *rows(place) {
    for (const version of VERSIONS) {
      yield await place.withProject([`typescript@${version}`, "@types/node@20"], async (project) => {
        const { stdout } = await project.run(project.bin("tsc"), ["--version"]);
        const full = /\d+\.\d+\.\d+/.exec(stdout)?.[0];
        const cells = [];
        for (const options of Object.values(PROJECTS))
          cells.push(await compile(project, Number(version), options));
        return [full, ...cells];
      });
    }
  },
};

async function compile(project, version, [type, options]) {
  if (options.moduleResolution === REMOVED.get(Math.floor(version))) return "–";
  const compilerOptions = {
    ...options,
    target: "es2022",
    lib: ["es2022", "esnext.disposable"],
    types: ["node"],
    strict: true,
    rootDir: ".",
    outDir: "out",
    ...(version === 6 ? { ignoreDeprecations: "6.0" } : {}),
  };
  project.write({
    "package.json": JSON.stringify({ type }),
    "tsconfig.json": JSON.stringify({ compilerOptions, files: ["main.ts"] }),
    "main.ts": PROGRAM,
  });
  try {
    await project.run(project.bin("tsc"), ["-p", "."]);
  } catch (error) {
    return messageOf(error).trim().split("\n")[0];
  }
  return await project.try(process.execPath, ["out/main.js"], EXPECTED);
}
