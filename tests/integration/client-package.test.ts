/** The published package: packed, installed into an empty folder, and used from there. */
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lookInto } from "../support/broker-records.js";
import { newFolder } from "../support/folders.js";
import { installedFiles, pack } from "../support/packing.js";
import { startRedis } from "../support/redis-server.js";

/** Maximum installed size of the client, in both forms. */
const UNPACKED_BUDGET = 400_000;
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
  tarball = await pack("chouette-iot-client", folder.path);
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

test("it installs nothing else", async () => {
  const entries = await readdir(join(app, "node_modules"));
  expect(entries.filter((entry) => !entry.startsWith("."))).toEqual(["chouette-iot-client"]);
});

test("it stays within its budget of bytes", async () => {
  const files = await installedFiles(join(app, "node_modules/chouette-iot-client"));
  expect(files.bytes).toBeLessThan(UNPACKED_BUDGET);
});

test("it stays within its budget of import time", async () => {
  const script = `
    const begun = performance.now();
    const { ChouetteClient } = await import("chouette-iot-client");
    new ChouetteClient({ port: 1 });
    console.log(JSON.stringify({ took: performance.now() - begun }));`;
  const runs = [];
  for (let round = 0; round < 5; round++) {
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], app);
    runs.push(JSON.parse(stdout));
  }
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
  await run(bin("attw"), [tarball], app);
});

test("its manifest and its page say the same of it", async () => {
  const manifest = JSON.parse(
    await readFile(join(app, "node_modules/chouette-iot-client/package.json"), "utf8"),
  );
  expect(manifest.dependencies).toBeUndefined();
  const page = await readFile(join(app, "node_modules/chouette-iot-client/README.md"), "utf8");
  for (const path of Object.keys(manifest.exports)) {
    if (path !== "." && path !== "./package.json")
      expect(page).toContain(`chouette-iot-client${path.slice(1)}`);
  }
});
