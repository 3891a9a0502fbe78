/** The package as it is published: packed, installed into an empty folder, and used from there. */
import { execFile } from "node:child_process";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lookInto } from "../support/broker-records.js";
import { newFolder } from "../support/folders.js";
import { startRedis } from "../support/redis-server.js";

/** What an application takes on with the client, its driver apart. */
const UNPACKED_BUDGET = 250 * 1024;
/** Milliseconds from `import` to a client, in a process that has nothing else to do. Generous: other tests run beside it. */
const IMPORT_BUDGET = 250;

const root = fileURLToPath(new URL("../..", import.meta.url));
const runFile = promisify(execFile);
let folder: Awaited<ReturnType<typeof newFolder>>;
let app: string;
let tarball: string;

beforeAll(async () => {
  folder = await newFolder();
  app = join(folder.path, "app");
  const packed = join(folder.path, "packed");
  await run(process.execPath, [join(root, "packages/client/scripts/pack.mjs"), packed], root);
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder.path], packed);
  tarball = join(folder.path, JSON.parse(stdout)[0].filename);
  await run("mkdir", [app], root);
  await writeFile(join(app, "package.json"), "{}");
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], app);
}, 120_000);
afterAll(() => folder.remove());

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  return runFile(command, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 });
}

function bin(name: string): string {
  return join(root, "node_modules/.bin", name);
}

test("it installs the client and the Redis driver, and nothing else", async () => {
  const entries = await readdir(join(app, "node_modules"), { recursive: true });
  const packages = entries.filter((entry) => /^(@[^/]+\/)?[^/@.]+\/package\.json$/.test(entry));
  expect(packages.sort()).toEqual(["@redis/client/package.json", "chouette-iot-client/package.json"]);
});

test("it stays within its budget of bytes", async () => {
  const installed = join(app, "node_modules/chouette-iot-client");
  const entries = await readdir(installed, { recursive: true });
  const stats = await Promise.all(entries.map((entry) => stat(join(installed, entry))));
  const bytes = stats.reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
  expect(bytes).toBeLessThan(UNPACKED_BUDGET);
});

test("it stays within its budget of import time, without the driver", async () => {
  const script = `import module from "node:module";
    const begun = performance.now();
    const { ChouetteClient } = await import("chouette-iot-client");
    new ChouetteClient({ port: 1 });
    const loaded = Object.keys(module._cache).join();
    console.log(JSON.stringify({ took: performance.now() - begun, driver: loaded.includes("@redis") }));`;
  const runs = [];
  for (let round = 0; round < 5; round++) {
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], app);
    runs.push(JSON.parse(stdout));
  }
  expect(runs.map(({ driver }) => driver)).not.toContain(true);
  expect(Math.min(...runs.map(({ took }) => took))).toBeLessThan(IMPORT_BUDGET);
});

const USE = `
  const client = new ChouetteClient();
  client.increment("m", 2, { timestamp: 1 });
  TestClient.name; collectRuntimeMetrics.name; expressMetrics.name; ChouetteTransport.name; pinoTransport.name;
  client.flush().then((all) => console.log(all, client.stats().stored));`;
const NAMES = [
  ["{ ChouetteClient }", "chouette-iot-client"],
  ["{ TestClient }", "chouette-iot-client/testing"],
  ["{ collectRuntimeMetrics }", "chouette-iot-client/runtime-metrics"],
  ["{ expressMetrics }", "chouette-iot-client/http-metrics"],
  ["{ ChouetteTransport }", "chouette-iot-client/winston"],
] as const;

test("import and require() load it, quietly, and it stores", async () => {
  const imports = NAMES.map(([names, from]) => `import ${names} from "${from}";`).join("\n");
  const requires = NAMES.map(([names, from]) => `const ${names} = require("${from}");`).join("\n");
  await writeFile(
    join(app, "use.mjs"),
    `${imports}\nimport pinoTransport from "chouette-iot-client/pino";${USE}`,
  );
  await writeFile(
    join(app, "use.cjs"),
    `${requires}\nconst { default: pinoTransport } = require("chouette-iot-client/pino");${USE}`,
  );
  const redis = await startRedis();
  const broker = await lookInto(redis.url);
  for (const file of ["use.mjs", "use.cjs"]) {
    const { stdout, stderr } = await run(process.execPath, [file], app, { REDIS_URL: redis.url });
    expect([stdout, stderr]).toEqual(["true 1\n", ""]);
  }
  expect(await broker.size()).toBe(2);
  await broker.close();
  await redis.stop();
});

const TYPED = `
  interface Metrics { "m": { type: "count"; tags: "route" } }
  const client = new ChouetteClient<Metrics>();
  client.increment("m", 1, { tags: { route: "/" } });
  // @ts-expect-error: no such metric
  client.increment("n");
  const handle: BoundCounter = client.boundCounter("m", { route: "/" });
  const answer: Promise<boolean> = handle.inc();
  ChouetteClient.gauge("any", 1, { timestamp: new Date(), tags: ["a:b"] });
  new TestClient<Metrics>().expectCount("m", 1);
  export class Shop { @timed("m") sell(count: number): string { return String(count); } }
  { using t = timed("m", { useMs: true }); }
  export { answer };`;

test("its types hold, for ES modules and CommonJS, with standard and with legacy decorators", async () => {
  const names = `ChouetteClient, timed, type BoundCounter`;
  const text = `import { ${names} } from "chouette-iot-client";\nimport { TestClient } from "chouette-iot-client/testing";${TYPED}`;
  await writeFile(join(app, "typed.mts"), text);
  await writeFile(join(app, "typed.cts"), text);
  for (const legacy of ["false", "true"]) {
    const args = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
    const more = [
      "--lib",
      "es2023,esnext.disposable",
      "--types",
      "node",
      "--typeRoots",
      join(root, "node_modules/@types"),
    ];
    await run(
      bin("tsc"),
      [...args, ...more, "--experimentalDecorators", legacy, "typed.mts", "typed.cts"],
      app,
    ).catch((error) => {
      throw new Error(`decorators ${legacy}:\n${error.stdout}`);
    });
  }
});

test("publint and attw find nothing wrong", async () => {
  await run(bin("publint"), ["run", tarball, "--strict"], app);
  // ES modules only: that CommonJS gets an ES module is meant, and tested above.
  await run(bin("attw"), [tarball, "--profile", "esm-only"], app);
});

test("its manifest and its page say the same of it", async () => {
  const manifest = JSON.parse(
    await readFile(join(app, "node_modules/chouette-iot-client/package.json"), "utf8"),
  );
  expect(Object.keys(manifest.dependencies)).toEqual(["@redis/client"]);
  const page = await readFile(join(app, "node_modules/chouette-iot-client/README.md"), "utf8");
  for (const path of Object.keys(manifest.exports)) {
    if (path !== "." && path !== "./package.json")
      expect(page).toContain(`chouette-iot-client${path.slice(1)}`);
  }
});
