/**
 * The published agent: packed, installed with deploy/install.sh (`npm i -g`) into an empty folder, and run from there.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { brokerPort } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { installedFiles, pack } from "../support/packing.js";
import { run } from "../support/running.js";

/** Maximum installed size in bytes, with all libraries. */
const UNPACKED_BUDGET = 3_200_000;

const root = fileURLToPath(new URL("../..", import.meta.url));
const runFile = promisify(execFile);
let folder: Awaited<ReturnType<typeof newFolder>>;
let tarball: string;
/** Where npm has put the package. */
let installed: string;
let chouette: string;
/** The root of a device. */
let device: string;

beforeAll(async () => {
  folder = await newFolder();
  tarball = await pack("chouette-iot", folder.path);
  device = join(folder.path, "device");
  // Only from the tarball: there is no registry.
  const env = { ...process.env, ROOT: device, npm_config_offline: "true" };
  await runFile("sh", [join(root, "deploy/install.sh"), tarball], { env });
  installed = join(device, "usr/local/lib/node_modules/chouette-iot");
  chouette = join(device, "usr/local/bin/chouette");
}, 60_000);
afterAll(() => folder.remove());

describe("deploy/install.sh", () => {
  it("leaves a unit of systemd for the installed command, and a file for secrets that nobody else can read", async () => {
    const unit = await readFile(join(device, "etc/systemd/system/chouette.service"), "utf8");
    expect(unit).toContain("ExecStart=/usr/local/bin/chouette agent\n");
    const secrets = join(device, "etc/chouette/environment");
    expect((await stat(secrets)).mode & 0o777).toBe(0o600);
    await writeFile(secrets, "API_KEY=any\n");
    const env = { ...process.env, ROOT: device, npm_config_offline: "true" };
    await runFile("sh", [join(root, "deploy/install.sh"), tarball], { env });
    expect(await readFile(secrets, "utf8")).toBe("API_KEY=any\n");
  });

  it("is short enough to read before it is run", async () => {
    const lines = (await readFile(join(root, "deploy/install.sh"), "utf8")).split("\n");
    expect(lines.length).toBeLessThan(50);
  });
});

describe("the agent from npm", () => {
  it("prints a metric that `chouette send` hands it", async () => {
    const env = {
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_HTTP: "off",
      CHOUETTE_DATA_DIR: join(folder.path, "data"),
      CHOUETTE_CONFIG: undefined,
      API_KEY: undefined,
      REDIS_HOST: undefined,
      REDIS_URL: undefined,
      AGGREGATE_INTERVAL: "1",
      AGGREGATE_GRACE: "0",
    };
    const agent = run(chouette, ["agent"], { env });
    onTestFinished(async () => void (await agent.end("SIGKILL")));
    await agent.wrote(/agent \S+ started/);
    const port = await brokerPort(agent);
    const send = run(chouette, ["send", "count", "my.metric", "1", "--tag", "zone:a"], {
      env: { ...env, CHOUETTE_LISTEN: `127.0.0.1:${port}` },
    });
    expect(await send.ended, send.output()).toBe(0);
    await agent.wrote(/^\{"metric":"my\.metric".*"zone:a"/m);
    expect(await agent.end()).toBe(0);
  });

  it("has every command", async () => {
    const { stdout } = await runFile(chouette, ["--help"]);
    const commands = [...stdout.matchAll(/^ {2}(\w+) .*/gm)].map(([, name = ""]) => name);
    expect(commands).toContain("doctor");
    for (const command of commands.filter((name) => name !== "help"))
      await runFile(chouette, [command, "--help"]);
    const collected = await runFile(chouette, ["collect", "host", "--over", "0.01"]);
    expect(collected.stdout).toContain("Chouette.host.cpu.percentage");
  });

  it("is one package within its budget of bytes, with the licences of what it contains", async () => {
    expect(await readdir(join(installed, ".."))).toEqual(["chouette-iot"]);
    expect(await readdir(installed)).not.toContain("node_modules");
    expect((await installedFiles(installed)).bytes).toBeLessThan(UNPACKED_BUDGET);
    const licences = await readFile(join(installed, "THIRD-PARTY-LICENSES"), "utf8");
    for (const library of ["@redis/client", "zod", "yaml", "pino", "commander"])
      expect(licences).toMatch(new RegExp(`^${library} [\\d.]+: (MIT|ISC)$`, "m"));
  });

  it("has types for a wrapper and a collector of one's own", async () => {
    const app = join(folder.path, "app");
    await mkdir(app);
    await writeFile(join(app, "package.json"), "{}");
    await runFile("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: app });
    const text = `import type { CollectorFactory, Wrap } from "chouette-iot";
      export const wrap: Wrap = (context) => ({ ok: true, metrics: [] });
      // @ts-expect-error: a wrapper answers with a list
      export const wrong: Wrap = () => 1;
      const factory: CollectorFactory = () => ({ name: "x", collect: async () => [] });
      export default factory;`;
    await writeFile(join(app, "own.mts"), text);
    const tsc = join(root, "node_modules/.bin/tsc");
    await runFile(tsc, ["--noEmit", "--strict", "--module", "nodenext", "--types", "", "own.mts"], {
      cwd: app,
    }).catch((error) => {
      throw new Error(error.stdout);
    });
  });

  it("passes publint and attw", async () => {
    await runFile(join(root, "node_modules/.bin/publint"), ["run", tarball, "--strict"]);
    // ES modules only: it is a program, and its types are for modules that it imports.
    await runFile(join(root, "node_modules/.bin/attw"), [
      tarball,
      "--profile",
      "esm-only",
      "--exclude-entrypoints",
      "chouette.schema.json",
    ]);
  });

  it("can't be published from its sources, nor the client from its own", async () => {
    // npm refuses what is marked as private.
    for (const name of ["agent", "client", "queue", "record"]) {
      const manifest = await readFile(join(root, "packages", name, "package.json"), "utf8");
      expect(JSON.parse(manifest)).toMatchObject({ private: true });
    }
    expect(JSON.parse(await readFile(join(installed, "package.json"), "utf8"))).not.toHaveProperty("private");
  });
});
