/**
 * The published client in hosts that are too large to be dependencies of this project: Jest in each of its modes, jsdom, and a
 * program with execa: `npm run hosts`. Installs them into a temporary folder. The other hosts are under test in
 * tests/integration/client-hosts.test.ts, client-ends.test.ts and client-process.test.ts.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "../bench/support/redis.mjs";
import { clientPackage } from "./pack/client.mjs";

const LIBRARIES = ["jest@30", "jest-environment-jsdom@30", "execa@9"];

const TESTS = `
test("counts, flushes and closes", async () => {
  const client = new ChouetteClient({ port: PORT, answerTimeoutMs: 20_000 });
  client.increment("m", 1, { tags: new Map([["host", "jest"]]) });
  client.count("m", 1, { timestamp: new Date() });
  client.set("s", new Set([new Date(0)]));
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(client.stats().stored).toBe(3);
  await client.close();
});
test("with fake timers", async () => {
  jest.useFakeTimers();
  const client = new ChouetteClient({ port: PORT, answerTimeoutMs: 20_000 });
  client.increment("m");
  expect(await client.flush({ timeoutMs: 20_000 })).toBe(true);
  await client.close();
  jest.useRealTimers();
});
test("with a test client as the default one", () => {
  const client = new TestClient();
  ChouetteClient.use(client);
  ChouetteClient.increment("m");
  client.expectCount("m", 1);
});`;
const REQUIRES = `const { ChouetteClient } = require("chouette-iot-client");
const { TestClient } = require("chouette-iot-client/testing");`;
const IMPORTS = `import { jest } from "@jest/globals";
import { ChouetteClient } from "chouette-iot-client";
import { TestClient } from "chouette-iot-client/testing";`;
const EXECA = `import { execa } from "execa";
import { ChouetteClient } from "chouette-iot-client";
const client = new ChouetteClient({ port: PORT, exitSignals: true, exitTimeoutMs: 20_000, lingerMs: 60_000 });
client.count("m", 1, { timestamp: 1 });
execa("sleep", ["60"]).catch(() => {});
console.log("ready");`;

/** Jest's modes: configuration, and flags of Node. */
const MODES = {
  "Jest, CommonJS": [{ testMatch: ["**/a.test.js"] }, ""],
  "Jest, ES modules": [{ testMatch: ["**/a.test.mjs"] }, "--experimental-vm-modules"],
  "Jest, jsdom": [{ testMatch: ["**/a.test.js"], testEnvironment: "jsdom" }, ""],
  "Jest, fake timers from the start": [
    { testMatch: ["**/a.test.js"], fakeTimers: { enableGlobally: true } },
    "",
  ],
};

const folder = mkdtempSync(join(tmpdir(), "chouette-hosts-"));
const redis = await startRedis(folder);
try {
  writeFileSync(join(folder, "package.json"), "{}");
  execFileSync("npm", ["install", "--no-audit", "--no-fund", ...LIBRARIES], {
    cwd: folder,
    stdio: "inherit",
  });
  await clientPackage.write(join(folder, "node_modules/chouette-iot-client"));
  const write = (name, text) => writeFileSync(join(folder, name), text.replaceAll("PORT", `${redis.port}`));
  write("a.test.js", REQUIRES + TESTS);
  write("a.test.mjs", IMPORTS + TESTS);
  write("execa.mjs", EXECA);
  for (const [mode, [config, flags]] of Object.entries(MODES)) report(mode, jest(config, flags));
  report("execa, SIGTERM", await ended(join(folder, "execa.mjs")));
} finally {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
}

function jest(config, flags) {
  const { status, stderr } = spawnSync("npx", ["jest", "--config", JSON.stringify(config)], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
    env: { ...process.env, NODE_OPTIONS: flags },
  });
  return status === 0 ? undefined : stderr;
}

/** Ends a program by SIGTERM once it is ready. Returns what is wrong with its end. */
async function ended(program) {
  const child = spawn(process.execPath, [program], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => child.kill("SIGTERM"));
  const deadline = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const signal = await new Promise((resolve) => child.once("close", (_, by) => resolve(by)));
  clearTimeout(deadline);
  return signal === "SIGTERM" ? undefined : `ended by ${signal}`;
}

function report(host, problem) {
  process.stdout.write(`${host}: ${problem === undefined ? "all stored, ended" : `FAILED\n${problem}`}\n`);
  if (problem !== undefined) process.exitCode = 1;
}
