import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TestClient } from "../testing.js";
import { patchConsole } from "./console-patch.js";

interface Vector {
  readonly log?: string;
  readonly stored: readonly { readonly json: string }[];
}

const fixtures: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../../../../tests/fixtures/client_records.json", import.meta.url), "utf8"),
);
let client: TestClient;

beforeEach(() => {
  client = new TestClient();
});
afterEach(() => vi.unstubAllEnvs());

test("a log is what the original client stores", () => {
  const vectors = fixtures
    .flatMap(({ log, stored }) => (log === undefined ? [] : stored))
    .map(({ json }) => JSON.parse(json));
  const sink = client.logSink({ service: "my-little-app" });
  const at = vectors.map(({ date }) => new Date(date));
  sink.log("INFO", "Message without extras", {}, at[0]);
  sink.log("INFO", "Message with tags", { tags: { tag_name: "tag_value" } }, at[1]);
  sink.log("WARNING", "Message with tags", { tags: ["a:b", "c"] }, at[2]);
  sink.log("ERROR", "Message with extras", { client: "Alice", server: "Bob" }, at[3]);
  sink.log("ERROR", "it broke", { exc_info: vectors[4].exc_info }, at[4]);
  // The original's dates have microseconds, a JavaScript clock milliseconds.
  const toMilliseconds = (log: { date: string }) => ({
    ...log,
    date: log.date.replace(/(\.\d{3})\d{3}/, "$1"),
  });
  expect(client.logs()).toEqual(vectors.map(toMilliseconds));
});

test("levels of Python, pino and winston, and the least that is stored", () => {
  vi.stubEnv("CHOUETTE_LOG_LEVEL", "warning");
  const sink = client.logSink();
  for (const level of ["trace", 20, "info", 30, "nonsense", "http"]) sink.log(level, "no");
  for (const level of ["warn", 40, "WARNING", "error", 50, "fatal", 60, "CRITICAL", "emerg"])
    sink.log(level, "yes");
  sink.debug("no");
  sink.critical("yes");
  expect(client.logs().map(({ level }) => level)).toEqual([
    ...["WARNING", "WARNING", "WARNING", "ERROR", "ERROR"],
    ...["CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL"],
  ]);
  client.logSink({ level: "debug" }).debug("yes");
  expect(client.logs().at(-1)?.level).toBe("DEBUG");
});

test("errors give their stacks, with their causes, and extras can't take a log's own names", () => {
  const sink = client.logSink({ service: "s", tags: { env: "live" } });
  sink.error(new Error("outer", { cause: new Error("inner") }), { level: "high", n: { deep: [1n] } });
  const [log] = client.logs();
  expect(log).toMatchObject({
    message: { msg: "outer" },
    ddtags: ["env:live"],
    level: "ERROR",
    level_: "high",
    n: { deep: ["1"] },
  });
  expect(log?.exc_info).toMatch(/^Error: outer\n.*Caused by: Error: inner\n/s);
});

test("a huge log is cut and marked; one that can't be read is refused", async () => {
  const sink = client.logSink({ limit: 100 });
  await sink.info("x".repeat(1_000), { more: "y".repeat(1_000) });
  expect(JSON.stringify(client.logs()[0]).length).toBeLessThan(500);
  expect(client.logs()[0]).toMatchObject({ truncated: true });
  const wrong = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error("no");
      },
    },
  );
  expect(await sink.info("m", wrong)).toBe(false);
  expect(await sink.log("info", "m", {}, new Date(Number.NaN))).toBe(false);
  expect(client.stats().refused.invalid_log).toBe(2);
});

test("the console is patched by call only, keeps printing, and is put back", () => {
  const printed: unknown[] = [];
  const shown = globalThis.console;
  const { warn } = shown;
  const print = (...args: unknown[]) => printed.push(args);
  shown.warn = print;
  const restore = patchConsole(client.logSink());
  shown.warn("%s is %d", "x", 5);
  restore();
  expect(shown.warn).toBe(print);
  shown.warn = warn;
  expect(printed).toEqual([["%s is %d", "x", 5]]);
  expect(client.logs()).toMatchObject([{ level: "WARNING", message: { msg: "x is 5" } }]);
});
