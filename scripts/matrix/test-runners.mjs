/** Test runners: the client in a test, with real timers, with fake ones that nobody advances, and a `TestClient`. */
import { EXPECTED } from "./program.mjs";

const TESTS = (fake, real) => `
test("counts and flushes", async () => {
  const client = new ChouetteClient({ answerTimeoutMs: 20000 });
  client.increment("flushed", 1, { tags: new Map([["host", "jest"]]) });
  client.count("flushed", 1, { timestamp: new Date() });
  expect(await client.flush({ timeoutMs: 20000 })).toBe(true);
  expect(client.stats().stored).toBe(2);
  await client.close();
});
test("with fake timers", async () => {
  ${fake}
  const client = new ChouetteClient({ answerTimeoutMs: 20000 });
  client.gauge("at_end", 1);
  expect(await client.flush({ timeoutMs: 20000 })).toBe(true);
  await client.close();
  ${real}
});
test("with a test client as the default one", () => {
  const client = new TestClient();
  ChouetteClient.use(client);
  ChouetteClient.increment("m");
  client.expectCount("m", 1);
});
`;
const NAMES = `import { ChouetteClient } from "chouette-iot-client";
import { TestClient } from "chouette-iot-client/testing";`;
const REQUIRED = `const { ChouetteClient } = require("chouette-iot-client");
const { TestClient } = require("chouette-iot-client/testing");`;

const jestTests = TESTS("jest.useFakeTimers();", "jest.useRealTimers();");
/** node:test has no expect, and its fake timers are those of its context. */
const nodeTests = `
import assert from "node:assert";
import { mock, test } from "node:test";
const expect = (it) => ({ toBe: (other) => assert.equal(it, other) });
${NAMES}
${TESTS("mock.timers.enable();", "mock.timers.reset();")}`;

const FILES = {
  "a.test.js": `${REQUIRED}${jestTests}`,
  "a.test.mjs": `import { jest } from "@jest/globals";\n${NAMES}${jestTests}`,
};

const jest = (config, nodeOptions = "") => ({
  files: FILES,
  command: (p) => [
    p.bin("jest"),
    "--silent",
    "--reporters=jest-silent-reporter",
    "--config",
    JSON.stringify(config),
  ],
  env: { NODE_OPTIONS: nodeOptions, NODE_NO_WARNINGS: "1" },
});
const commonJs = { testMatch: ["**/a.test.js"] };
const JEST = {
  "CommonJS (default)": jest(commonJs),
  "ES modules": jest({ testMatch: ["**/a.test.mjs"] }, "--experimental-vm-modules"),
  jsdom: jest({ ...commonJs, testEnvironment: "jsdom" }),
  "fake timers from the start": jest({ ...commonJs, fakeTimers: { enableGlobally: true } }),
};
const vitest = (args = []) => ({
  files: {
    "a.test.mjs": `import { expect, test, vi } from "vitest";\n${NAMES}${TESTS("vi.useFakeTimers();", "vi.useRealTimers();")}`,
  },
  command: (p) => [p.bin("vitest"), "run", ...args],
});

const RUNNERS = [
  { name: "jest", packages: ["jest@30", "jest-environment-jsdom@30", "jest-silent-reporter"], modes: JEST },
  {
    name: "vitest",
    packages: ["vitest@4", "jsdom@26"],
    modes: {
      "node (default)": vitest(),
      jsdom: vitest(["--environment", "jsdom"]),
      threads: vitest(["--pool", "threads"]),
    },
  },
  {
    name: "node:test",
    packages: [],
    modes: {
      "ES modules": {
        files: { "a.test.mjs": nodeTests },
        command: () => [process.execPath, "--test", "a.test.mjs"],
      },
    },
  },
  {
    name: "mocha",
    packages: ["mocha@11", "sinon@21"],
    modes: {
      "with sinon's fake timers, except for nextTick and queueMicrotask": {
        files: {
          "a.test.mjs": `import assert from "node:assert";
            import sinon from "sinon";
            const expect = (it) => ({ toBe: (other) => assert.equal(it, other) });
            const test = it;
            let clock;
            ${NAMES}
            ${TESTS("clock = sinon.useFakeTimers({ toNotFake: ['nextTick', 'queueMicrotask'] });", "clock.restore();")}`,
        },
        command: (p) => [p.bin("mocha"), "--timeout", "30000", "a.test.mjs"],
      },
    },
  },
];

export const testRunners = {
  title: "Test runners",
  columns: ["mode", "result"],
  results: ["result"],
  async *rows(place) {
    for (const { name, packages, modes } of RUNNERS) {
      const rows = await place.withProject(packages, async (project) => {
        const version = name === "node:test" ? process.versions.node : await project.version(name);
        const found = [];
        for (const [mode, { files, command, env }] of Object.entries(modes)) {
          project.write(files);
          const [program, ...args] = command(project);
          found.push([`${name} ${version}`, mode, await project.try(program, args, EXPECTED, { env })]);
        }
        return found;
      });
      yield* rows;
    }
  },
};
